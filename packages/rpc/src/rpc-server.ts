import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { EdisError, limits } from '@edis/core';
import type {
  ConnectionInjector,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import type { FeedHandlers, InfoHandlers, QueryHandlers, ReplicationHandlers, ShardHandlers } from './handlers.ts';
import type { ListenAddress } from './listen-address.ts';
import { formatAddress, parseListenAddress } from './listen-address.ts';
import type { MessageStream } from './message-stream.ts';
import type { Method } from './methods.ts';
import { createMethods } from './methods.ts';
import { addReflection } from './reflection.ts';
import { ServerStream } from './server-stream.ts';
import { statusOfError } from './status.ts';

/**
 * A gRPC server around handlers that know nothing of gRPC.
 *
 * Guarantees: bad bytes, oversized messages and exceptions of handlers end the call or the connection that they came
 * over, never the process; every unary call is answered within `maxCallMs`; `close` leaves no socket behind.
 *
 * It listens itself and hands connections to grpc-js, whose own binding hides the system's error codes, prints to the
 * console, and forgets its sessions at a forced shutdown when channelz is off.
 */

/** A unary call without a deadline, or with a longer one, is answered by then. */
const maxCallMs = 60_000;
/** Calls at once on one connection. Ours have a handful; more is a fault or an attack. */
const maxStreamsPerConnection = 1000;
/** A peer that is gone without a word (power, cable, a stopped process) is noticed after the sum of both. */
const keepaliveTimeMs = 10_000;
const keepaliveTimeoutMs = 10_000;

const serverOptions = {
  'grpc.max_receive_message_length': limits.maxMessageBytes,
  'grpc.max_send_message_length': limits.maxMessageBytes,
  'grpc.max_concurrent_streams': maxStreamsPerConnection,
  'grpc.keepalive_time_ms': keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  'grpc.enable_channelz': 0,
};

export interface RpcServerOptions {
  /** host:port; port 0: a free one. */
  readonly listen: string;
  readonly info?: InfoHandlers;
  readonly shard?: ShardHandlers;
  readonly replication?: ReplicationHandlers;
  readonly query?: QueryHandlers;
  readonly feed?: FeedHandlers;
  /** What went wrong inside a handler; the caller of the rpc is told no details. */
  onError?(error: EdisError): void;
}

export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #methods = createMethods();
  readonly #grpc = new Server(serverOptions);
  /** Loaded with the start: clients, which share this package, need none. */
  #health: HealthImplementation | undefined = undefined;
  #isServing = false;
  readonly #services: readonly string[];
  readonly #listener = createServer({ noDelay: true }, (socket) => this.#connected(socket));
  readonly #sockets = new Set<Socket>();
  readonly #openCalls = new Set<object>();
  #injector: ConnectionInjector | undefined = undefined;
  #whenIdle: (() => void) | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#services = this.#addServices();
  }

  /** Listens. The health status stays NOT_SERVING until `setServing(true)`. */
  async start(): Promise<{ port: number; address: string }> {
    const wanted = parseListenAddress(this.#options.listen);
    const { HealthImplementation } = await import('grpc-health-check');
    await addReflection(this.#grpc);
    if (this.#closing !== undefined) throw new EdisError('closed', 'the server was closed while it started');
    this.#health = new HealthImplementation();
    this.#health.addToServer(this.#grpc);
    this.setServing(this.#isServing);
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const port = await this.#listen(wanted);
    return { port, address: formatAddress({ host: wanted.host, port }) };
  }

  setServing(serving: boolean): void {
    this.#isServing = serving;
    for (const name of this.#services) this.#health?.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Takes no new connections and calls, and waits for the open ones; the deadline only ends the waiting. */
  async drain(deadlineMs: number): Promise<void> {
    this.setServing(false);
    this.#listener.close();
    this.#injector?.drain(deadlineMs);
    if (this.#openCalls.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#whenIdle = undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const listenerClosed = new Promise<void>((resolve) => {
      this.#listener.close(() => resolve());
    });
    this.#injector?.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#grpc.forceShutdown();
    await listenerClosed;
  }

  #listen({ host, port }: ListenAddress): Promise<number> {
    const listener = this.#listener;
    return new Promise((resolve, reject) => {
      listener.once('error', (error) => reject(listenError(error, formatAddress({ host, port }))));
      listener.listen({ host, port }, () => {
        listener.removeAllListeners('error');
        // Errors of a bound listener concern one connection that could not be accepted.
        listener.on('error', (error) => this.#report(EdisError.from(error)));
        const bound = listener.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Resets of a connection end its session, which hears of them itself; without a listener they would end the
    // process.
    socket.on('error', () => socket.destroy());
    this.#injector?.injectConnection(socket);
  }

  #addServices(): string[] {
    const { info, shard, replication, query, feed } = this.#options;
    const names = [''];
    if (info !== undefined) names.push(this.#add('edis.v1.InfoService', this.#infoCalls(info)));
    if (shard !== undefined) names.push(this.#add('edis.v1.ShardService', this.#shardCalls(shard)));
    if (replication !== undefined) {
      names.push(this.#add('edis.v1.ReplicationService', this.#replicationCalls(replication)));
    }
    if (query !== undefined) names.push(this.#add('edis.v1.QueryService', this.#queryCalls(query)));
    if (feed !== undefined) names.push(this.#add('edis.v1.FeedService', this.#feedCalls(feed)));
    return names;
  }

  #add(name: string, calls: readonly ServerCall[]): string {
    const definition = Object.fromEntries(calls.map((call) => [call.method.definition.path, call.method.definition]));
    const implementation: UntypedServiceImplementation = {};
    for (const call of calls) implementation[call.method.definition.path] = call.handle;
    this.#grpc.addService(definition, implementation);
    return name;
  }

  #infoCalls(handlers: InfoHandlers): ServerCall[] {
    const { session, watchTopology, describeCluster, createKeyspace, dropKeyspace, promote } = this.#methods;
    return [
      this.#duplex(session, (stream) => handlers.session(stream)),
      this.#serverStreaming(watchTopology, (stream) => handlers.watchTopology(stream)),
      this.#unary(describeCluster, () => handlers.describeCluster()),
      this.#unary(createKeyspace, ({ name, settings }) => handlers.createKeyspace(name, settings)),
      this.#unary(dropKeyspace, (name) => handlers.dropKeyspace(name)),
      this.#unary(promote, (wish) => handlers.promote(wish)),
    ];
  }

  #shardCalls(handlers: ShardHandlers): ServerCall[] {
    const { batch, execute, getStats } = this.#methods;
    return [
      this.#duplex(batch, (stream) => handlers.batch(stream)),
      this.#unary(execute, (request) => handlers.execute(request)),
      this.#unary(getStats, () => handlers.stats()),
    ];
  }

  #replicationCalls(handlers: ReplicationHandlers): ServerCall[] {
    const { follow, snapshot, beacon } = this.#methods;
    return [
      this.#duplex(follow, (stream) => handlers.follow(stream)),
      this.#duplex(snapshot, (stream) => handlers.snapshot(stream)),
      this.#duplex(beacon, (stream) => handlers.beacon(stream)),
    ];
  }

  #queryCalls(handlers: QueryHandlers): ServerCall[] {
    const { scan, search, aggregate } = this.#methods;
    return [
      this.#unary(scan, (request, signal) => handlers.scan(request, signal)),
      this.#unary(search, (request, signal) => handlers.search(request, signal)),
      this.#unary(aggregate, (request, signal) => handlers.aggregate(request, signal)),
    ];
  }

  #feedCalls(handlers: FeedHandlers): ServerCall[] {
    return [this.#duplex(this.#methods.watch, (stream) => handlers.watch(stream))];
  }

  #duplex<In, Out>(method: Method<In, Out>, serve: (stream: MessageStream<Out, In>) => void): ServerCall {
    const handle: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      this.#track(call);
      const stream = ServerStream.duplex(call, method.response, method.request, (error) => this.#report(error));
      this.#serve(stream, serve);
    };
    return { method, handle };
  }

  #serverStreaming<In, Out>(method: Method<In, Out>, serve: (stream: MessageStream<Out, never>) => void): ServerCall {
    const handle: handleServerStreamingCall<Buffer, Buffer> = (call) => {
      this.#track(call);
      this.#serve(
        ServerStream.writable(call, method.response, (error) => this.#report(error)),
        serve,
      );
    };
    return { method, handle };
  }

  #serve<Out, In>(stream: MessageStream<Out, In>, serve: (stream: MessageStream<Out, In>) => void): void {
    try {
      serve(stream);
    } catch (caught) {
      const error = EdisError.from(caught);
      this.#report(error);
      stream.cancel(error);
    }
  }

  #unary<In, Out>(method: Method<In, Out>, serve: Serve<In, Out>): ServerCall {
    const handle: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
      this.#track(call);
      const abandoned = new AbortController();
      call.once('cancelled', () => abandoned.abort());
      this.#answer(call.request, method, serve, abandoned).then(
        (bytes) => callback(null, bytes),
        (caught: unknown) => {
          const error = EdisError.from(caught);
          // What becomes of work that nobody waits for is nobody's concern.
          if (error.code !== 'protocol' && !call.cancelled) this.#report(error);
          callback(statusOfError(error));
        },
      );
    };
    return { method, handle };
  }

  async #answer<In, Out>(
    bytes: Buffer,
    method: Method<In, Out>,
    serve: Serve<In, Out>,
    abandoned: AbortController,
  ): Promise<Buffer> {
    const answer = serve(method.request.decode(bytes), abandoned.signal);
    if (!(answer instanceof Promise)) return method.response.encode(answer);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new EdisError('deadline', `no answer within ${maxCallMs} ms`));
        abandoned.abort();
      }, maxCallMs);
    });
    try {
      return method.response.encode(await Promise.race([answer, deadline]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** grpc-js says 'cancelled' at every end of a call. */
  #track(call: EventEmitter): void {
    this.#openCalls.add(call);
    call.once('cancelled', () => {
      this.#openCalls.delete(call);
      if (this.#openCalls.size === 0) this.#whenIdle?.();
    });
  }

  #report(error: EdisError): void {
    this.#options.onError?.(error);
  }
}

/** Answers one request; the signal fires when nobody waits for the answer any more. */
type Serve<In, Out> = (request: In, signal: AbortSignal) => Out | Promise<Out>;

interface ServerCall {
  readonly method: Pick<Method<never, never>, 'definition'>;
  readonly handle:
    | handleBidiStreamingCall<Buffer, Buffer>
    | handleServerStreamingCall<Buffer, Buffer>
    | handleUnaryCall<Buffer, Buffer>;
}

function listenError(error: NodeJS.ErrnoException, address: string): EdisError {
  if (error.code === 'EADDRINUSE') {
    return new EdisError('port-in-use', `another process listens on ${address}; stop it or choose another port`, {
      cause: error,
    });
  }
  return new EdisError('usage', `cannot listen on ${address}: ${error.message}`, { cause: error });
}
