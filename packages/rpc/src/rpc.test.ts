import { once } from 'node:events';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type {
  BatchRequest,
  BatchResponse,
  ClusterDescription,
  FollowRequest,
  FollowResponse,
  Keyspace,
  NodeMessage,
  NodeStats,
  SnapshotRequest,
  TopologyUpdate,
} from '@edis/core';
import { defaultKeyspaceSettings, EdisError } from '@edis/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { MessageStream, RpcServerOptions, ShardHandlers } from './index.ts';
import { RpcChannel, RpcServer } from './index.ts';

const timeoutMs = 10_000;

const emptyTopology = {
  cluster: 'c',
  revision: 3,
  formed: false,
  initialShards: 3,
  infos: [],
  keyspaces: [],
  shards: [],
};

const defaultKeyspace: Keyspace = {
  id: 1,
  name: 'default',
  strategy: 'hash',
  settings: defaultKeyspaceSettings,
  slots: [{ from: 0, to: 16_383, shard: 's1' }],
};

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function batchOf(requests: readonly number[], valueBytes = 1): BatchRequest {
  const value = Buffer.alloc(valueBytes, 'v');
  return {
    revision: 1,
    epoch: 1,
    client: '',
    completedBelow: 0,
    shard: 's1',
    operations: requests.map((request) => ({
      kind: 'put',
      request,
      keyspace: 1,
      key: `key-${request}`,
      sequence: 0,
      firstSentTimestamp: 0,
      ack: 'disk',
      condition: undefined,
      value,
      metadata: undefined,
      ttlMs: 0,
      expiresAtMs: 0,
    })),
  };
}

function answerTo(request: BatchRequest): BatchResponse {
  return {
    results: request.operations.map((operation) => ({
      request: operation.request,
      outcome: { kind: 'put', version: 5, position: 6 },
    })),
    node: 'n1',
    role: 'primary',
    shard: 's1',
    epoch: 1,
    timestamp: 5,
    stalenessMs: 0,
  };
}

const stats: NodeStats = {
  node: 'n1',
  shard: 's1',
  role: 'replica',
  lastEntry: { epoch: 2, position: 9 },
  syncedPosition: 8,
  visiblePosition: 7,
  viewPosition: 6,
  recordCount: 5,
  recordBytes: 4,
  contentHash: '00000000000000ff',
  queueOperations: 1,
  queueBytes: 2,
  overlayBytes: 3,
  readCount: 4,
  writeCount: 5,
  busyCount: 6,
  cacheHitCount: 7,
  cacheMissCount: 8,
  logBytes: 2 ** 40,
  logFirstPosition: 1,
  lagEntries: 2,
  stalenessMs: 3,
  residentBytes: 2 ** 33,
  followerCount: 1,
  operationsPerSecond: 12,
  repeatedCount: 13,
  snapshotCount: 14,
  readLatencyUs: { p50: 15, p99: 16 },
  writeLatencyUs: { p50: 17, p99: 18 },
  expiredCount: 19,
  queryCount: 20,
  watcherCount: 21,
  receiptCount: 22,
  receiptOperations: 23,
  keyspaces: [{ keyspace: 1, recordCount: 22, recordBytes: 23 }],
  hotKeys: [{ keyspace: 1, key: 'k\u00ff', operationsPerSecond: 24 }],
};

function shardHandlers(handlers: Partial<ShardHandlers> = {}): ShardHandlers {
  return {
    batch: (stream) =>
      stream.listen({ onMessage: (request) => stream.send(answerTo(request)), onClose: () => undefined }),
    execute: (request) => Promise.resolve(answerTo(request)),
    stats: () => stats,
    ...handlers,
  };
}

async function serve(
  options: Omit<RpcServerOptions, 'listen'>,
): Promise<{ server: RpcServer; address: string; port: number }> {
  const server = new RpcServer({ listen: '127.0.0.1:0', ...options });
  closers.push(() => server.close());
  return { server, ...(await server.start()) };
}

function channelTo(address: string, connectTimeoutMs = timeoutMs): RpcChannel {
  const channel = new RpcChannel(address, { connectTimeoutMs });
  closers.push(() => channel.close());
  return channel;
}

/** Collects what comes out of a stream. */
class Received<In> {
  readonly messages: In[] = [];
  readonly closes: (EdisError | undefined)[] = [];
  readonly closed: Promise<EdisError | undefined>;
  drains = 0;
  #changed: () => void = () => undefined;
  #change = new Promise<void>(() => undefined);

  constructor(stream: MessageStream<never, In>) {
    this.#renew();
    this.closed = new Promise((resolve) => {
      stream.listen({
        onMessage: (message) => {
          this.messages.push(message);
          this.#notify();
        },
        onDrain: () => {
          this.drains++;
          this.#notify();
        },
        onClose: (error) => {
          this.closes.push(error);
          this.#notify();
          resolve(error);
        },
      });
    });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#change;
  }

  #renew(): void {
    this.#change = new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #notify(): void {
    const changed = this.#changed;
    this.#renew();
    changed();
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

async function unusedAddress(): Promise<string> {
  const { server, address } = await serve({});
  await server.close();
  return address;
}

/** A listener that never says a word, as a machine that drops all packets. */
async function silentListener(
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<NetServer & { port: number }> {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address();
  return Object.assign(listener, { port: isBound(address) ? address.port : 0 });
}

function isBound(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

describe('streams', () => {
  it('carry messages in order in both directions', async () => {
    const { address } = await serve({ shard: shardHandlers() });
    const stream = channelTo(address).batch();
    const received = new Received(stream);
    for (let request = 0; request < 100; request++) stream.send(batchOf([request]));
    await received.until(() => received.messages.length === 100);
    expect(received.messages.map(({ results }) => results[0]?.request)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('deliver messages that arrived before listen', async () => {
    const { promise: handed, resolve: handOver } = deferred<MessageStream<BatchResponse, BatchRequest>>();
    const { address } = await serve({ shard: shardHandlers({ batch: handOver }) });
    const stream = channelTo(address).batch();
    stream.send(batchOf([1]));
    stream.send(batchOf([2]));
    const received = new Received(await handed);
    await received.until(() => received.messages.length === 2);
    expect(received.messages.map(({ operations }) => operations[0]?.request)).toEqual([1, 2]);
  });

  it('end with everything delivered when the server ends them', async () => {
    const { address } = await serve({
      shard: shardHandlers({
        batch: (stream) => {
          for (let request = 0; request < 50; request++) stream.send(answerTo(batchOf([request], 1)));
          stream.end();
          expect(stream.send(answerTo(batchOf([1])))).toBe(false);
        },
      }),
    });
    const received = new Received(channelTo(address).batch());
    expect(await received.closed).toBeUndefined();
    expect(received.messages).toHaveLength(50);
    expect(received.closes).toEqual([undefined]);
  });

  it('end properly on both sides when the client ends them, after what the server had sent', async () => {
    let serverSide: Received<BatchRequest> | undefined;
    const { address } = await serve({
      shard: shardHandlers({
        batch: (stream) => {
          stream.send(answerTo(batchOf([1])));
          serverSide = new Received(stream);
        },
      }),
    });
    const stream = channelTo(address).batch();
    const received = new Received(stream);
    stream.end();
    expect(await received.closed).toBeUndefined();
    expect(received.messages).toHaveLength(1);
    expect(await serverSide?.closed).toBeUndefined();
    expect(serverSide?.closes).toHaveLength(1);
  });

  it('tell the client the code of the error that the server cancels with', async () => {
    const { address } = await serve({
      shard: shardHandlers({
        batch: (stream) => stream.cancel(new EdisError('protocol', 'first message must be open')),
      }),
    });
    const received = new Received(channelTo(address).batch());
    expect(await received.closed).toMatchObject({ code: 'protocol', message: expect.stringContaining('must be open') });
    expect(received.closes).toHaveLength(1);
  });

  it('tell the server when the client cancels, once', async () => {
    let serverSide: Received<BatchRequest> | undefined;
    const { address } = await serve({
      shard: shardHandlers({
        batch: (stream) => {
          serverSide = new Received(stream);
          stream.send(answerTo(batchOf([1])));
        },
      }),
    });
    const stream = channelTo(address).batch();
    const received = new Received(stream);
    await received.until(() => received.messages.length === 1);
    stream.cancel();
    expect(stream.closed).toBe(true);
    expect(stream.send(batchOf([1]))).toBe(false);
    expect(await received.closed).toMatchObject({ code: 'closed' });
    expect(await serverSide?.closed).toMatchObject({ code: 'closed' });
    expect([received.closes.length, serverSide?.closes.length]).toEqual([1, 1]);
  });

  it('tell the server when the connection of the client breaks', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<BatchRequest>>();
    const { address, port } = await serve({
      shard: shardHandlers({ batch: (stream) => handOver(new Received(stream)) }),
    });
    const upstreams: Socket[] = [];
    const proxy = await silentListener((socket) => {
      const upstream = connect(port, '127.0.0.1');
      upstream.on('error', () => undefined);
      socket.pipe(upstream).pipe(socket);
      upstreams.push(upstream);
    });
    expect(address).not.toBe(`127.0.0.1:${proxy.port}`);
    channelTo(`127.0.0.1:${proxy.port}`)
      .batch()
      .send(batchOf([1]));
    const serverSide = await handed;
    for (const upstream of upstreams) upstream.destroy();
    expect(await serverSide.closed).toMatchObject({ code: 'closed' });
  });

  it('close at once when the server goes away', async () => {
    const { server, address } = await serve({ shard: shardHandlers() });
    const stream = channelTo(address).batch();
    const received = new Received(stream);
    stream.send(batchOf([1]));
    await received.until(() => received.messages.length === 1);
    await server.close();
    expect(await received.closed).toMatchObject({ code: 'unreachable', message: expect.stringContaining(address) });
  });

  it('end with an internal error that names no details when a handler throws, and report it', async () => {
    const errors: EdisError[] = [];
    const { address } = await serve({
      onError: (error) => errors.push(error),
      shard: shardHandlers({
        batch: (stream) =>
          stream.listen({
            onMessage: () => {
              throw new Error('secret');
            },
            onClose: () => undefined,
          }),
        stats: () => {
          throw new Error('secret');
        },
      }),
    });
    const channel = channelTo(address);
    const stream = channel.batch();
    const received = new Received(stream);
    stream.send(batchOf([1]));
    const expected = { code: 'internal', message: expect.not.stringContaining('secret') };
    expect(await received.closed).toMatchObject(expected);
    await expect(channel.stats({ timeoutMs })).rejects.toMatchObject(expected);
    expect(errors.map(({ message }) => message)).toEqual(['secret', 'secret']);
  });

  it('push back on a sender whose peer does not read, and drain when it does', async () => {
    const { promise: handed, resolve: handOver } = deferred<MessageStream<BatchResponse, BatchRequest>>();
    const { address } = await serve({
      shard: shardHandlers({
        batch: (stream) => {
          stream.pause();
          handOver(stream);
        },
      }),
    });
    const stream = channelTo(address).batch();
    const received = new Received(stream);
    let sent = 1;
    while (stream.send(batchOf([sent], 500_000))) sent++;
    const reader = await handed;
    const serverSide = new Received(reader);
    expect(received.drains).toBe(0);
    reader.resume();
    await received.until(() => received.drains > 0);
    await serverSide.until(() => serverSide.messages.length === sent);
    expect(serverSide.messages.map(({ operations }) => operations[0]?.request)).toEqual(
      Array.from({ length: sent }, (_, index) => index + 1),
    );
  });
});

describe('every method', () => {
  it('carries its messages: InfoService', async () => {
    const registration = {
      node: 'n1',
      role: 'write-shard',
      store: 'st1',
      cluster: '',
      shard: '',
      endpoints: [{ network: 'host', address: 'localhost:7410' }],
      lastEntry: { epoch: 1, position: 2 },
      seenEpoch: 3,
      host: 'h',
      pid: 4,
      incarnation: 2 ** 50,
      promisedEpoch: 6,
    } as const;
    const report = {
      lastEntry: { epoch: 1, position: 2 },
      applied: { epoch: 1, position: 1 },
      lagEntries: 1,
      lagMs: 12,
      serving: true,
      recordCount: 3,
      operationsPerSecond: 4,
    };
    const sent: NodeMessage[] = [{ kind: 'register', registration }, { kind: 'report', report }, { kind: 'leave' }];
    const description: ClusterDescription = {
      topology: { ...emptyTopology, keyspaces: [{ ...defaultKeyspace, slots: [] }] },
      reports: new Map([['st1', report]]),
      waitsFor: ['shard s2 has no primary'],
    };
    const update: TopologyUpdate = {
      kind: 'delta',
      delta: {
        cluster: 'c',
        fromRevision: 3,
        revision: 4,
        formed: true,
        infos: [],
        keyspaces: [defaultKeyspace],
        shards: [],
        removedShards: ['s2'],
        removedKeyspaces: [3],
      },
    };
    const { promise: handed, resolve: handOver } = deferred<Received<NodeMessage>>();
    const { address } = await serve({
      info: {
        session: (stream) => {
          handOver(new Received(stream));
          stream.send({ kind: 'registered', cluster: 'c', shard: 's1', reportMs: 500, deadAfterMs: 3000, fencing: 0 });
          stream.send({ kind: 'refused', cause: 'shard-taken', message: 'no' });
          stream.send({ kind: 'topology', update: { kind: 'whole', topology: emptyTopology } });
          stream.send({
            kind: 'configuration',
            configuration: {
              shard: 's1',
              epoch: 1,
              primarySince: 1,
              primary: 'st1',
              members: ['st1'],
              quorum: 1,
              configuredSize: 2,
              primaryEndpoints: [{ network: '', address: 'a:1' }],
              leaseMs: 2000,
            },
          });
        },
        watchTopology: (stream) => {
          stream.send({ kind: 'whole', topology: emptyTopology });
          stream.send(update);
          stream.end();
        },
        describeCluster: () => description,
        createKeyspace: (name, settings) =>
          Promise.resolve({ kind: 'created', keyspace: { ...defaultKeyspace, name, settings }, revision: 4 }),
        dropKeyspace: (name) => Promise.resolve({ kind: 'refused', cause: 'no-such-keyspace', message: name }),
        promote: ({ shard, node, isUnsafe }) =>
          Promise.resolve({ kind: 'refused', cause: 'not-alive', message: `${shard} ${node} ${isUnsafe}` }),
      },
    });
    const channel = channelTo(address);
    const session = channel.session();
    const answers = new Received(session);
    for (const message of sent) session.send(message);
    const registered = await handed;
    await registered.until(() => registered.messages.length === 3);
    expect(registered.messages).toEqual(sent);
    await answers.until(() => answers.messages.length === 4);
    expect(answers.messages.map(({ kind }) => kind)).toEqual(['registered', 'refused', 'topology', 'configuration']);
    const updates = new Received(channel.watchTopology());
    expect(await updates.closed).toBeUndefined();
    expect(updates.messages).toEqual([{ kind: 'whole', topology: emptyTopology }, update]);
    expect(await channel.describeCluster({ timeoutMs })).toEqual(description);
    const settings = { ...defaultKeyspaceSettings, defaultTtlMs: 5 };
    expect(await channel.createKeyspace('users', settings, { timeoutMs })).toEqual({
      kind: 'created',
      keyspace: { ...defaultKeyspace, name: 'users', settings },
      revision: 4,
    });
    expect(await channel.dropKeyspace('users', { timeoutMs })).toEqual({
      kind: 'refused',
      cause: 'no-such-keyspace',
      message: 'users',
    });
    const promoted = await channel.promote({ shard: 's1', node: 'n1', isUnsafe: true }, { timeoutMs });
    expect(promoted).toEqual({ kind: 'refused', cause: 'not-alive', message: 's1 n1 true' });
  });

  it('carries its messages: ReplicationService', async () => {
    const followed: FollowRequest[] = [
      {
        kind: 'open',
        shard: 's1',
        cluster: 'c',
        store: 'st2',
        node: 'n2',
        epoch: 4,
        lastEntry: { epoch: 3, position: 9 },
        creditBytes: 1 << 20,
      },
      { kind: 'acknowledge', durablePosition: 3, appliedPosition: 2, receivedPosition: 4 },
    ];
    const mark = { epoch: 4, visiblePosition: 9, syncPosition: 0 };
    const epochs = [{ epoch: 1, firstPosition: 1 }];
    const responses: FollowResponse[] = [
      { message: { kind: 'start', fromPosition: 10, epochs }, ...mark },
      { message: { kind: 'snapshot-needed', cause: 'diverged', lastPosition: 3, epochs }, ...mark },
      { message: { kind: 'refused', cause: 'old-epoch' }, epoch: 4, visiblePosition: 0, syncPosition: 0 },
      {
        message: {
          kind: 'entries',
          firstPosition: 10,
          bodies: [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(70_000, 7)],
          checksums: [0, 0xffff_ffff, 123],
        },
        ...mark,
        syncPosition: 12,
      },
      { message: { kind: 'watermark' }, epoch: 4, visiblePosition: 12, syncPosition: 12 },
    ];
    const asked = { epoch: 4, since: 3, lastPosition: 12, leaseMs: 2000 };
    const { promise: follows, resolve: onFollow } = deferred<Received<FollowRequest>>();
    const { promise: snapshots, resolve: onSnapshot } = deferred<Received<SnapshotRequest>>();
    const position = { epoch: 4, position: 9 };
    const pages = [
      { kind: 'start', position, timestamp: 77, epochs: [], recordCount: 2, contentHash: 'ab' },
      { kind: 'page', keys: [Buffer.from('k')], values: [Buffer.from('v')] },
      { kind: 'end', rowCount: 1 },
    ] as const;
    const { address } = await serve({
      replication: {
        follow: (stream) => {
          onFollow(new Received(stream));
          for (const response of responses) stream.send(response);
        },
        snapshot: (stream) => {
          onSnapshot(new Received(stream));
          for (const page of pages) stream.send(page);
        },
        beacon: (stream) =>
          stream.listen({
            onMessage: ({ stampMs, granted }) => stream.send({ ...asked, stampMs, number: granted + 1 }),
            onClose: () => undefined,
          }),
      },
    });
    const channel = channelTo(address);
    const follow = channel.follow();
    const entries = new Received(follow);
    for (const request of followed) follow.send(request);
    const followRequests = await follows;
    await followRequests.until(() => followRequests.messages.length === 2);
    expect(followRequests.messages).toEqual(followed);
    await entries.until(() => entries.messages.length === responses.length);
    expect(entries.messages).toEqual(responses);
    const snapshot = channel.snapshot();
    const received = new Received(snapshot);
    snapshot.send({ kind: 'open', shard: 's1', cluster: 'c', store: 'st2' });
    snapshot.send({ kind: 'grant', pages: 4 });
    const snapshotRequests = await snapshots;
    await snapshotRequests.until(() => snapshotRequests.messages.length === 2);
    expect(snapshotRequests.messages[1]).toEqual({ kind: 'grant', pages: 4 });
    await received.until(() => received.messages.length === 3);
    expect(received.messages).toEqual(pages);
    const beacon = channel.beacon();
    const beacons = new Received(beacon);
    beacon.send({ shard: 's1', store: 'st2', stampMs: 12.75, granted: 7 });
    await beacons.until(() => beacons.messages.length === 1);
    expect(beacons.messages).toEqual([{ ...asked, stampMs: 12.75, number: 8 }]);
  });

  it('carries its messages: ShardService', async () => {
    const { address } = await serve({ shard: shardHandlers() });
    const channel = channelTo(address);
    expect(await channel.stats({ timeoutMs })).toEqual(stats);
    expect(await channel.execute(batchOf([4, 5]), { timeoutMs })).toEqual(answerTo(batchOf([4, 5])));
  });
});

describe('calls', () => {
  it('end with their deadline', async () => {
    const { address } = await serve({ shard: shardHandlers({ execute: () => new Promise(() => undefined) }) });
    await expect(channelTo(address).execute(batchOf([1]), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'deadline',
    });
  });

  it('end at once when the caller aborts', async () => {
    const { address } = await serve({ shard: shardHandlers({ execute: () => new Promise(() => undefined) }) });
    const controller = new AbortController();
    const call = channelTo(address).execute(batchOf([1]), { timeoutMs, signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    const late = channelTo(address).stats({ timeoutMs, signal: controller.signal });
    await expect(late).rejects.toMatchObject({ code: 'aborted' });
  });

  it('of a service that a node does not have are refused', async () => {
    const { address } = await serve({});
    await expect(channelTo(address).stats({ timeoutMs })).rejects.toMatchObject({ code: 'protocol' });
  });
});

describe('an address that nobody answers', () => {
  it('closes a stream at once when the connection is refused, and the next one tries anew', async () => {
    const address = await unusedAddress();
    const channel = channelTo(address);
    const refused = { code: 'unreachable', message: expect.stringContaining(address) };
    expect(await new Received(channel.batch()).closed).toMatchObject(refused);
    await expect(channel.stats({ timeoutMs })).rejects.toMatchObject(refused);
    const server = new RpcServer({ listen: address, shard: shardHandlers() });
    closers.push(() => server.close());
    await server.start();
    expect(await channel.stats({ timeoutMs })).toEqual(stats);
  });

  it('closes streams and calls within connectTimeoutMs when nothing comes back', async () => {
    const { port } = await silentListener();
    const channel = channelTo(`127.0.0.1:${port}`, 50);
    const silent = { code: 'unreachable', message: expect.stringContaining('within 50 ms') };
    expect(await new Received(channel.batch()).closed).toMatchObject(silent);
    await expect(channel.stats({ timeoutMs })).rejects.toMatchObject(silent);
  });

  it('fails waitReady with unreachable', async () => {
    const address = await unusedAddress();
    await expect(channelTo(address).waitReady(50)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(address),
    });
  });

  it('ends what is open with closed when the channel is closed, and everything after it', async () => {
    const { address } = await serve({ shard: shardHandlers() });
    const channel = channelTo(address);
    const open = new Received(channel.batch());
    channel.close();
    expect(await open.closed).toMatchObject({ code: 'closed' });
    expect(await new Received(channel.batch()).closed).toMatchObject({ code: 'closed' });
    await expect(channel.stats({ timeoutMs })).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('the server', () => {
  it('says port-in-use and names the address', async () => {
    const { address } = await serve({});
    const second = new RpcServer({ listen: address });
    await expect(second.start()).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(address),
    });
    await second.close();
  });

  it.each(['', '7400', 'localhost', 'localhost:x', 'localhost:70000', 'a b:1', '::1:7400'])(
    'refuses to listen on %j',
    async (listen) => {
      await expect(new RpcServer({ listen }).start()).rejects.toMatchObject({ code: 'usage' });
    },
  );

  it('says usage when the host is not one of this machine', async () => {
    await expect(new RpcServer({ listen: '192.0.2.1:0' }).start()).rejects.toMatchObject({ code: 'usage' });
  });

  it('listens on IPv6 and answers there', async () => {
    const server = new RpcServer({ listen: '[::1]:0', shard: shardHandlers() });
    closers.push(() => server.close());
    const { address, port } = await server.start();
    expect(address).toBe(`[::1]:${port}`);
    expect(await channelTo(address).stats({ timeoutMs })).toEqual(stats);
  });

  it('says of its health what it was told', async () => {
    const { server, address } = await serve({ shard: shardHandlers() });
    const channel = channelTo(address);
    expect(await channel.health({ timeoutMs })).toBe(false);
    server.setServing(true);
    expect(await channel.health({ timeoutMs })).toBe(true);
  });

  it('drains: takes nothing new and waits for open streams', async () => {
    const { promise: handed, resolve: handOver } = deferred<MessageStream<BatchResponse, BatchRequest>>();
    const { server, address } = await serve({ shard: shardHandlers({ batch: handOver }) });
    const channel = channelTo(address);
    const stream = channel.batch();
    const received = new Received(stream);
    stream.send(batchOf([1]));
    expect(await channel.stats({ timeoutMs })).toEqual(stats);
    const drained = server.drain(timeoutMs);
    await expect(channelTo(address).stats({ timeoutMs })).rejects.toMatchObject({ code: 'unreachable' });
    const serverSide = await handed;
    serverSide.send(answerTo(batchOf([1])));
    serverSide.end();
    await drained;
    expect(await received.closed).toBeUndefined();
    expect(received.messages).toHaveLength(1);
  });

  it('drains no longer than the deadline', async () => {
    const { server, address } = await serve({ shard: shardHandlers({ batch: () => undefined }) });
    const channel = channelTo(address);
    channel.batch().send(batchOf([1]));
    expect(await channel.stats({ timeoutMs })).toEqual(stats);
    await expect(server.drain(20)).resolves.toBeUndefined();
  });

  it('closes with open connections, more than once', async () => {
    const { server, address } = await serve({ shard: shardHandlers() });
    const received = new Received(channelTo(address).batch());
    await Promise.all([server.close(), server.close()]);
    expect(await received.closed).toMatchObject({ code: 'unreachable' });
  });
});
