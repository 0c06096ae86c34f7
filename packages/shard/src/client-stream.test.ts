import type { BatchRequest, BatchResponse, GetOperation, Outcome, PutOperation, Topology } from '@edis/core';
import { defaultKeyspaceSettings, limits } from '@edis/core';
import { realTimers } from '@edis/process';
import type { MessageStream, StreamListener } from '@edis/rpc';
import { RpcChannel, RpcServer } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BatchRunner } from './batch-runner.ts';
import { BusyPoll } from './busy-poll.ts';
import type { ClientStreamOwner, ResponseHeader } from './client-stream.ts';
import { ClientStream } from './client-stream.ts';
import { ClientStreams } from './client-streams.ts';
import { FairTurns } from './fair-turns.ts';
import { Figures } from './figures.ts';
import { Ownership } from './ownership.ts';
import { batchOf, get, PrimaryBed, put, turns } from './primary-fixture.ts';
import { Reader } from './reader.ts';

const MIB = 1024 * 1024;
const header: ResponseHeader = { node: 'n1', role: 'primary', shard: 's1', epoch: 1, timestamp: 9, stalenessMs: 0 };

const topology: Topology = {
  cluster: 'cluster-1',
  revision: 7,
  formed: true,
  initialShards: 1,
  infos: [],
  keyspaces: [
    {
      id: 1,
      name: 'default',
      strategy: 'hash',
      settings: defaultKeyspaceSettings,
      slots: [{ from: 0, to: 16_383, shard: 's1' }],
    },
  ],
  shards: [{ shard: 's1', epoch: 1, primary: 'store-1', configuredSize: 1, members: [], voters: [] }],
};

/** A stream whose peer takes what the test lets it take. */
class SlowPeer implements MessageStream<BatchResponse, BatchRequest> {
  readonly peer = 'test';
  readonly responses: BatchResponse[] = [];
  closed = false;
  paused = false;
  takes = true;
  listener: StreamListener<BatchRequest> | undefined;

  listen(listener: StreamListener<BatchRequest>): void {
    this.listener = listener;
  }

  send(message: BatchResponse): boolean {
    this.responses.push(message);
    return this.takes;
  }

  end(): void {
    this.close();
  }

  cancel(): void {
    this.close();
  }

  close(): void {
    this.closed = true;
    this.listener?.onClose(undefined);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  drain(): void {
    this.listener?.onDrain?.();
  }

  get requests(): number[] {
    return this.responses.flatMap(({ results }) => results.map(({ request }) => request));
  }
}

let bed: PrimaryBed;
let runner: BatchRunner;
let reader: Reader;
const ownership = new Ownership();
ownership.onShard('s1');
ownership.onTopology(topology);
const closers: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  bed = await PrimaryBed.open();
  const { store, side, counters } = bed;
  const onDamaged = (): void => {};
  const now = {
    sessionWaitMs: 100,
    timers: realTimers,
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
  };
  reader = new Reader({ store, role: side, counters, onDamaged, ...now });
  runner = new BatchRunner({ ownership, reader, writer: () => side.writer, epoch: () => side.epoch });
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  reader.close();
  bed.gate.open();
  await bed.store.close();
});

function gets(count: number, first = 1): GetOperation[] {
  return Array.from({ length: count }, (_, index) => get('large', { request: first + index }));
}

function open(): { peer: SlowPeer; client: ClientStream; closed: ClientStream[] } {
  const peer = new SlowPeer();
  const closed: ClientStream[] = [];
  const owner: ClientStreamOwner = {
    turns: new FairTurns(() => performance.now()),
    figures: new Figures(),
    monotonicMs: () => performance.now(),
    onClient: () => {},
    onBatch: () => {},
    onClosed: (stream) => void closed.push(stream),
  };
  const client = new ClientStream(peer, runner, () => header, owner);
  return { peer, client, closed };
}

describe('a client that does not take its results', () => {
  test('is not read from, and none of its operations is begun, until it does', async () => {
    await bed.settle(put('large', 'x'.repeat(300_000)));
    const { peer } = open();
    peer.takes = false;
    peer.listener?.onMessage(batchOf({ operations: gets(10) }));
    // Four of them fill a response.
    expect(peer.requests).toEqual([1, 2, 3, 4]);
    expect(peer.paused).toBe(true);
    expect(bed.counters.reads).toBe(4);
    peer.listener?.onMessage(batchOf({ operations: [...gets(2, 11), put('a', '1', { request: 13 })] }));
    await turns();
    expect(bed.counters.reads).toBe(4);
    expect(bed.valueOf('a')).toBeUndefined();

    peer.drain();
    await turns();
    expect(peer.requests).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(peer.paused).toBe(true);
    peer.takes = true;
    peer.drain();
    await turns();
    expect(peer.requests).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(peer.paused).toBe(false);
    expect(bed.valueOf('a')).toBe('1');
  });

  test('costs at most the response that has begun: what was committed already is answered', async () => {
    const { peer } = open();
    peer.listener?.onMessage(batchOf({ operations: [put('a', '1', { request: 1 })] }));
    peer.takes = false;
    peer.listener?.onMessage(batchOf({ operations: [get('nobody', { request: 2 })] }));
    expect(peer.paused).toBe(true);
    await turns();
    expect(peer.requests).toEqual([2, 1]);
    peer.drain();
    expect(peer.paused).toBe(false);
  });
});

describe('a response', () => {
  test('is split at about 1 MiB', async () => {
    await bed.settle(put('large', 'x'.repeat(400_000)));
    const { peer } = open();
    peer.listener?.onMessage(batchOf({ operations: gets(7) }));
    expect(peer.responses.map(({ results }) => results.length)).toEqual([3, 3, 1]);
  });

  test('counts metadata and topologies, too', async () => {
    const metadata = { big: 'm'.repeat(limits.maxMetadataBytes - 3) };
    await bed.settle({ ...put('large', ''), metadata });
    const { peer } = open();
    peer.listener?.onMessage(batchOf({ operations: gets(200) }));
    expect(peer.responses.length).toBeGreaterThan(2);
    expect(Math.max(...peer.responses.map(({ results }) => results.length))).toBeLessThan(MIB / 16_000);

    const slots = Array.from({ length: 16_384 }, (_, slot) => ({ from: slot, to: slot, shard: 's1' }));
    const wide = { ...topology, keyspaces: topology.keyspaces.map((keyspace) => ({ ...keyspace, slots })) };
    const { peer: foreign, client } = open();
    const outcome: Outcome = { kind: 'wrong-shard', topology: wide };
    for (let request = 0; request < 100; request += 1) client.deliver(request, outcome);
    client.flush();
    expect(foreign.responses.length).toBeGreaterThan(40);
  });

  test('says node, role and shard only in a greeting', () => {
    const { peer, client } = open();
    client.greet();
    peer.listener?.onMessage(batchOf({ operations: [get('nobody', { request: 1 })] }));
    expect(peer.responses).toEqual([
      { ...header, results: [] },
      { ...header, node: '', shard: '', role: undefined, results: [expect.objectContaining({ request: 1 })] },
    ]);
  });
});

test('after its end a stream sends nothing, begins nothing and holds nothing', async () => {
  await bed.settle(put('large', 'x'.repeat(600_000)));
  const { peer, closed, client } = open();
  bed.gate.close();
  peer.listener?.onMessage(batchOf({ operations: [put('a', '1', { request: 1, ack: 'disk' })] }));
  await turns();
  peer.takes = false;
  peer.listener?.onMessage(batchOf({ operations: gets(9) }));
  const { reads } = bed.counters;
  const { length } = peer.responses;
  peer.close();
  expect(closed).toEqual([client]);
  bed.gate.open();
  peer.drain();
  await turns();
  expect(bed.counters.reads).toBe(reads);
  expect(peer.responses).toHaveLength(length);
  expect(bed.valueOf('a')).toBe('1');
});

describe('an operation', () => {
  const cases: readonly [string, Partial<BatchRequest>, PutOperation | GetOperation, Partial<Outcome>][] = [
    ['of another shard', { shard: 's2' }, put('a', '1'), { kind: 'wrong-shard', topology }],
    ['of another shard, with a newer map', { shard: 's2', revision: 8 }, put('a', '1'), { kind: 'wrong-shard' }],
    ['of no keyspace', {}, { ...get('a'), keyspace: 9 }, { kind: 'invalid', cause: 'no-such-keyspace' }],
    ['without a key', {}, put('', '1'), { kind: 'invalid', cause: 'key-empty' }],
    ['of a client with an odd id', { client: 'short' }, put('a', '1'), { kind: 'invalid', cause: 'malformed' }],
    ['of a newer epoch', { epoch: 99 }, get('a'), { kind: 'not-primary', epoch: 1 }],
    ['of a newer epoch, to write', { epoch: 99 }, put('a', '1'), { kind: 'not-primary', epoch: 1 }],
  ];

  test.each(cases)('%s is refused alone', async (_title, batch, operation, outcome) => {
    const { peer } = open();
    const operations = [
      { ...operation, request: 1 },
      { ...put('b', '1'), request: 2 },
    ];
    peer.listener?.onMessage(batchOf({ ...batch, operations: operations.slice(0, 1) }));
    peer.listener?.onMessage(batchOf({ operations: operations.slice(1) }));
    await turns();
    const results = peer.responses.flatMap((response) => response.results);
    expect(results).toEqual([
      { request: 1, outcome: expect.objectContaining(outcome) },
      { request: 2, outcome: expect.objectContaining({ kind: 'put' }) },
    ]);
  });
});

test("a client's newer stream breaks its older one, whose unread writes are then never carried out", () => {
  const streams = new ClientStreams(new BusyPoll(0, () => 0), () => performance.now());
  const peers = [new SlowPeer(), new SlowPeer(), new SlowPeer()];
  for (const peer of peers) streams.add(new ClientStream(peer, runner, () => header, streams));
  const [older, newer, other] = peers;
  older?.listener?.onMessage(batchOf({ client: 'a'.repeat(16), operations: gets(1) }));
  other?.listener?.onMessage(batchOf({ client: 'b'.repeat(16), operations: gets(1) }));
  expect(peers.map(({ closed }) => closed)).toEqual([false, false, false]);
  newer?.listener?.onMessage(batchOf({ client: 'a'.repeat(16), operations: gets(1) }));
  expect(peers.map(({ closed }) => closed)).toEqual([true, false, false]);
});

test('over a real connection a client that stops reading is answered completely once it reads on', async () => {
  await bed.settle(put('large', 'x'.repeat(500_000)));
  const replication = { follow: () => {}, snapshot: () => {}, beacon: () => {} };
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    shard: {
      batch: (stream) => {
        new ClientStream(
          stream,
          runner,
          () => header,
          new ClientStreams(new BusyPoll(0, () => 0), () => performance.now()),
        ).greet();
      },
      execute: () => Promise.reject(new Error('not asked')),
      stats: () => {
        throw new Error('not asked');
      },
    },
    replication,
  });
  closers.push(() => server.close());
  const { address } = await server.start();
  const channel = new RpcChannel(address);
  closers.push(() => channel.close());
  const requests = new Set<number>();
  const stream = channel.batch();
  stream.listen({
    onMessage: ({ results }) => {
      for (const { request } of results) requests.add(request);
    },
    onClose: () => {},
  });
  stream.pause();
  const batches = 40;
  const each = 20;
  for (let index = 0; index < batches; index += 1) {
    stream.send(batchOf({ operations: gets(each, 1 + index * each) }));
  }
  let reads = -1;
  // It stands still when the connection is full.
  await vi.waitFor(
    () => {
      const before = reads;
      reads = bed.counters.reads;
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBe(before);
    },
    { interval: 100, timeout: 20_000 },
  );
  expect(reads).toBeLessThan((batches * each) / 4);
  stream.resume();
  await vi.waitFor(() => expect(requests.size).toBe(batches * each), { timeout: 30_000 });
});

test('a client with a thousand operations in one moment lets another one in between', async () => {
  const order: string[] = [];
  const owner: ClientStreamOwner = {
    turns: new FairTurns(() => 0),
    figures: new Figures(),
    monotonicMs: () => 0,
    onClient: () => {},
    onBatch: () => {},
    onClosed: () => {},
  };
  const named = (name: string): SlowPeer => {
    const peer = new SlowPeer();
    const answer = peer.send.bind(peer);
    peer.send = (message) => {
      if (message.results.length > 0) order.push(name);
      return answer(message);
    };
    new ClientStream(peer, runner, () => header, owner).greet();
    return peer;
  };
  const heavy = named('heavy');
  const light = named('light');
  light.listener?.onMessage(batchOf({ operations: gets(1) }));
  for (let count = 0; count < 10; count += 1)
    heavy.listener?.onMessage(batchOf({ operations: gets(256, count * 256) }));
  light.listener?.onMessage(batchOf({ operations: gets(1, 2) }));
  expect(order).toEqual(['light', 'heavy', 'light']);
  await turns();
  expect(heavy.requests).toHaveLength(2560);
});

test('a client with too many operations waiting is not read from until they have run', async () => {
  const streams = new ClientStreams(new BusyPoll(0, () => 0), () => 0);
  const peers = [new SlowPeer(), new SlowPeer()];
  for (const peer of peers) streams.add(new ClientStream(peer, runner, () => header, streams));
  const [light, heavy] = peers;
  light?.listener?.onMessage(batchOf({ operations: gets(1) }));
  for (let count = 0; count < 6; count += 1)
    heavy?.listener?.onMessage(batchOf({ operations: gets(1000, count * 1000) }));
  expect(heavy?.paused).toBe(true);
  expect(light?.paused).toBe(false);
  await turns();
  expect(heavy?.requests).toHaveLength(6000);
  expect(heavy?.paused).toBe(false);
});
