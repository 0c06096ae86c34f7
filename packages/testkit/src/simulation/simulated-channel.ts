import type {
  AggregateRequest,
  AggregateResponse,
  BatchRequest,
  BatchResponse,
  BeaconRequest,
  BeaconResponse,
  ClusterDescription,
  FollowRequest,
  FollowResponse,
  InfoMessage,
  KeyspaceReply,
  KeyspaceSettings,
  NodeMessage,
  NodeStats,
  ScanRequest,
  ScanResponse,
  SearchRequest,
  SearchResponse,
  SnapshotRequest,
  SnapshotResponse,
  TopologyUpdate,
  WatchRequest,
  WatchResponse,
} from '@edis/core';
import { EdisError } from '@edis/core';
import type { CallOptions, MessageStream, NodeChannel, RpcChannelOptions, RpcServerOptions } from '@edis/rpc';
import { ClientSide, FailedSide } from './client-side.ts';
import type { Incarnation } from './incarnation.ts';
import type { NetworkFabric } from './network-fabric.ts';
import { ServerSide } from './server-side.ts';
import type { SimulatedConnection } from './simulated-connection.ts';
import { closedError } from './simulated-connection.ts';
import type { Lane } from './simulated-link.ts';
import { defaultWindowBytes } from './stream-side.ts';
import { unreachableStatus } from './stream-status.ts';
import { type Answer, answerOnce, askOnce } from './unary-call.ts';

const defaultConnectTimeoutMs = 3000;

/** What a server does with a stream; undefined: it does not have the service. */
type Serve<Out, In> = (options: RpcServerOptions) => ((stream: MessageStream<In, Out>) => void) | undefined;

/** A stream on its way to a connection, and the lanes that it gets there. */
class StreamPath {
  readonly #name: string;
  connection: SimulatedConnection | undefined;
  up: Lane | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  get connected(): boolean {
    return this.connection !== undefined;
  }

  carry(arrive: () => void, what: string): void {
    if (this.up !== undefined) this.connection?.carry('client', this.up, arrive, `${this.#name} ${what}`);
  }
}

interface WaitingStream {
  open(connection: SimulatedConnection): void;
  refuse(why: string): void;
}

/** A lazy connection from one process to an address: what rpc's RpcChannel is to its users. */
export class SimulatedChannel implements NodeChannel {
  readonly address: string;
  readonly #fabric: NetworkFabric;
  readonly #client: Incarnation;
  readonly #connectTimeoutMs: number;
  readonly #keepaliveMs: number | undefined;
  readonly #windowBytes: number;
  readonly #open = new Set<{ cancel(error: EdisError): void }>();
  #waiting: WaitingStream[] = [];
  #connection: SimulatedConnection | undefined;
  #giveUp: (() => void) | undefined;
  #closed = false;

  constructor(fabric: NetworkFabric, client: Incarnation, address: string, options: RpcChannelOptions = {}) {
    this.address = address;
    this.#fabric = fabric;
    this.#client = client;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    this.#keepaliveMs = options.keepaliveMs;
    this.#windowBytes = options.flowControlWindowBytes ?? defaultWindowBytes;
  }

  session(): MessageStream<NodeMessage, InfoMessage> {
    return this.#stream('session', ({ info }) => info && ((stream) => info.session(stream)));
  }

  follow(): MessageStream<FollowRequest, FollowResponse> {
    return this.#stream('follow', ({ replication }) => replication && ((stream) => replication.follow(stream)));
  }

  snapshot(): MessageStream<SnapshotRequest, SnapshotResponse> {
    return this.#stream('snapshot', ({ replication }) => replication && ((stream) => replication.snapshot(stream)));
  }

  beacon(): MessageStream<BeaconRequest, BeaconResponse> {
    return this.#stream('beacon', ({ replication }) => replication && ((stream) => replication.beacon(stream)));
  }

  batch(): MessageStream<BatchRequest, BatchResponse> {
    return this.#stream('batch', ({ shard }) => shard && ((stream) => shard.batch(stream)));
  }

  watch(): MessageStream<WatchRequest, WatchResponse> {
    return this.#stream('watch', ({ feed }) => feed && ((stream) => feed.watch(stream)));
  }

  watchTopology(): MessageStream<never, TopologyUpdate> {
    return this.#stream('topology', ({ info }) => info && ((stream) => info.watchTopology(stream)));
  }

  describeCluster(options: CallOptions): Promise<ClusterDescription> {
    return this.#ask('describe', undefined, options, ({ info }) => info && (() => info.describeCluster()));
  }

  createKeyspace(name: string, settings: KeyspaceSettings, options: CallOptions): Promise<KeyspaceReply> {
    const request = { name, settings };
    return this.#ask('create-keyspace', request, options, ({ info }) => {
      return info && ((asked) => info.createKeyspace(asked.name, asked.settings));
    });
  }

  dropKeyspace(name: string, options: CallOptions): Promise<KeyspaceReply> {
    return this.#ask('drop-keyspace', name, options, ({ info }) => info && ((asked) => info.dropKeyspace(asked)));
  }

  execute(request: BatchRequest, options: CallOptions): Promise<BatchResponse> {
    return this.#ask('execute', request, options, ({ shard }) => shard && ((asked) => shard.execute(asked)));
  }

  stats(options: CallOptions): Promise<NodeStats> {
    return this.#ask('stats', undefined, options, ({ shard }) => shard && (() => shard.stats()));
  }

  scan(request: ScanRequest, options: CallOptions): Promise<ScanResponse> {
    return this.#ask('scan', request, options, ({ query }) => query && ((asked, signal) => query.scan(asked, signal)));
  }

  search(request: SearchRequest, options: CallOptions): Promise<SearchResponse> {
    return this.#ask('search', request, options, ({ query }) => {
      return query && ((asked, signal) => query.search(asked, signal));
    });
  }

  aggregate(request: AggregateRequest, options: CallOptions): Promise<AggregateResponse> {
    return this.#ask('aggregate', request, options, ({ query }) => {
      return query && ((asked, signal) => query.aggregate(asked, signal));
    });
  }

  /** Ends the connection; open streams and calls end with 'closed'. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const open of [...this.#open]) open.cancel(closedError(this.address));
    this.#waiting = [];
    this.#giveUp?.();
    this.#connection?.close('client');
  }

  #ask<Request, Response>(
    name: string,
    request: Request,
    options: CallOptions,
    serve: (options: RpcServerOptions) => Answer<Request, Response> | undefined,
  ): Promise<Response> {
    const start = (): MessageStream<Request, Response> =>
      this.#stream(name, (server) => {
        const answer = serve(server);
        return answer && ((stream) => answerOnce(stream, answer, (error) => server.onError?.(error)));
      });
    return askOnce(start, request, { ...options, address: this.address, timers: this.#client.timers });
  }

  #stream<Out, In>(name: string, serve: Serve<Out, In>): MessageStream<Out, In> {
    if (this.#closed) return new FailedSide<Out, In>(this.address, closedError(this.address));
    const path = new StreamPath(name);
    const side = new ClientSide<Out, In>(this.address, path, defaultWindowBytes);
    const cancelTimer = this.#isConnected() ? () => {} : this.#startConnectTimer(path, side);
    this.#open.add(side);
    side.onFinished = () => {
      cancelTimer();
      this.#open.delete(side);
    };
    const waiting: WaitingStream = {
      open: (connection) => {
        if (!side.closed) this.#begin(name, serve, side, { path, connection });
      },
      refuse: (why) => side.onStatus(unreachableStatus(why)),
    };
    const current = this.#connection;
    if (current?.usable === true) waiting.open(current);
    else this.#connect(waiting);
    return side;
  }

  #isConnected(): boolean {
    return this.#connection?.usable === true;
  }

  #startConnectTimer(path: StreamPath, side: { cancel(error: EdisError): void }): () => void {
    return this.#client.timers.after(this.#connectTimeoutMs, () => {
      if (path.connected) return;
      const within = `no connection within ${this.#connectTimeoutMs} ms`;
      side.cancel(new EdisError('unreachable', `${this.address} is unreachable: ${within}`));
      this.#giveUp?.();
      this.#giveUp = undefined;
    });
  }

  #connect(waiting: WaitingStream): void {
    this.#waiting.push(waiting);
    if (this.#giveUp !== undefined) return;
    const over = (): WaitingStream[] => {
      this.#giveUp = undefined;
      return this.#waiting.splice(0);
    };
    this.#giveUp = this.#fabric.connect(this.#client, this.address, {
      keepaliveMs: this.#keepaliveMs,
      onConnected: (connection) => {
        this.#connection = connection;
        if (this.#closed) connection.close('client');
        else for (const each of over()) each.open(connection);
      },
      onRefused: (why) => {
        for (const each of over()) each.refuse(why);
      },
    });
  }

  #begin<Out, In>(
    name: string,
    serve: Serve<Out, In>,
    client: ClientSide<Out, In>,
    { path, connection }: { readonly path: StreamPath; readonly connection: SimulatedConnection },
  ): void {
    const { server } = connection;
    const { up, down } = connection.lanes();
    path.connection = connection;
    path.up = up;
    const carrier = {
      connected: true,
      carry: (arrive: () => void, what: string) => connection.carry('server', down, arrive, `${name} ${what}`),
    };
    const peer = this.#client.process.name;
    const serverSide = new ServerSide<In, Out>(peer, carrier, this.#windowBytes, client, (error) =>
      server.report(error),
    );
    client.connectTo(serverSide);
    const stream = { client, server: serverSide, up, down };
    connection.add(stream);
    serverSide.onFinished = () => {
      server.onFinished(serverSide);
      connection.remove(stream);
    };
    path.carry(() => {
      server.onOpened(serverSide);
      accept(serverSide, serve(server.options), server.listening);
    }, 'open');
    client.flushSoon();
  }
}

function accept<Out, In>(
  side: ServerSide<Out, In>,
  serve: ((stream: MessageStream<Out, In>) => void) | undefined,
  listening: boolean,
): void {
  if (!listening) {
    side.cancel(new EdisError('unreachable', 'the server takes no new calls'));
    return;
  }
  if (serve === undefined) {
    side.cancel(new EdisError('protocol', 'the server does not have this service'));
    return;
  }
  side.serve(serve);
}
