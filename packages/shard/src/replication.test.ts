import type { EdisError, FollowOpen, FollowRequest, FollowResponse, SnapshotResponse } from '@edis/core';
import { realTimers } from '@edis/process';
import type { MessageStream, ReplicationHandlers } from '@edis/rpc';
import { grpcNetwork, RpcChannel, RpcServer } from '@edis/rpc';
import type { Store, StoreOptions } from '@edis/store';
import { entryOf, FakeWorld, putOf } from '@edis/store/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { PrimaryBed, put, silent, turns } from './primary-fixture.ts';
import { ReplicaSide } from './replica-side.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const KIB = 1024;
const MIB = 1024 * KIB;
const patience = { timeout: 20_000, interval: 10 };
/** A log that keeps nothing that the view has. */
const shortLog = { segmentBytes: 2000, retentionBytes: 0, retentionBytesMax: 0 };

async function openPrimary(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
  const bed = await beginPrimary(options);
  while (!bed.side.active) await turns(1);
  return bed;
}

async function beginPrimary(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
  const bed = await PrimaryBed.begin({ ...options, parts: { timers: realTimers, ...options.parts } });
  closers.push(async () => {
    bed.side.abandon();
    bed.gate.open();
    await bed.store.close();
  });
  return bed;
}

interface Served {
  readonly server: RpcServer;
  readonly address: string;
  /** Follow streams that were opened so far. */
  follows: number;
}

async function serve(handlers: ReplicationHandlers, listen = '127.0.0.1:0'): Promise<Served> {
  const served = { follows: 0 };
  const server = new RpcServer({
    listen,
    replication: {
      follow: (stream) => {
        served.follows += 1;
        handlers.follow(stream);
      },
      snapshot: (stream) => handlers.snapshot(stream),
      beacon: (stream) => handlers.beacon(stream),
    },
  });
  closers.push(() => server.close());
  const { address } = await server.start();
  return Object.assign(served, { server, address });
}

/** A follower without server and info. */
class ReplicaBed {
  readonly world: FakeWorld;
  readonly store: Store;
  readonly side: ReplicaSide;
  snapshots = 0;
  servings = 0;
  /** Added to the clock. */
  aheadMs = 0;

  static async open(world = new FakeWorld(), options: Partial<StoreOptions> = {}): Promise<ReplicaBed> {
    const store = await world.open({ newStoreId: () => 'follower-1', ...options });
    return new ReplicaBed(world, store);
  }

  private constructor(world: FakeWorld, store: Store) {
    this.world = world;
    this.store = store;
    this.side = new ReplicaSide({
      store,
      node: 'replica',
      logger: silent,
      network: grpcNetwork,
      timers: realTimers,
      replicationDelayMs: 0,
      random: () => 0,
      monotonicMs: () => performance.now() + this.aheadMs,
      wallMs: () => performance.now() + this.aheadMs,
      serving: false,
      onShown: () => {},
      onServing: () => {
        this.servings += 1;
      },
      onLease: (_primary, { leaseMs }) => leaseMs > 0,
      onSnapshot: () => {
        this.snapshots += 1;
      },
    });
    store.onSynced(() => this.side.onSynced());
    closers.push(() => this.close());
  }

  follow(address: string, epoch = 1): void {
    this.side.followTarget({ address, primary: 'store-1', epoch, shard: 's1', cluster: 'cluster-1' });
  }

  async close(): Promise<void> {
    this.side.close();
    await this.store.close();
  }

  async levelWith(bed: PrimaryBed): Promise<void> {
    await vi.waitFor(() => {
      this.world.fireTimers();
      expect(bed.store.visiblePosition).toBe(bed.store.lastEntry.position);
      expect(this.store.visiblePosition).toBe(bed.store.visiblePosition);
    }, patience);
  }

  async expectEqual(bed: PrimaryBed): Promise<void> {
    await this.levelWith(bed);
    await bed.store.flush();
    await this.store.flush();
    expect(this.store.viewPosition).toBe(bed.store.viewPosition);
    expect(this.store.contentHash).toBe(bed.store.contentHash);
    expect((await this.store.scrub()).contentHash).toBe(bed.store.contentHash);
  }
}

async function fill(bed: PrimaryBed, count: number, from = 0, valueBytes = 100): Promise<void> {
  for (let index = from; index < from + count; index += 1) {
    await bed.settle(put(`key-${index}`, `${index}`.padEnd(valueBytes, '.')));
  }
}

/** A Follow stream that does just what the test says. */
class RawFollower {
  readonly stream: MessageStream<FollowRequest, FollowResponse>;
  readonly responses: FollowResponse[] = [];
  closed = false;
  error: EdisError | undefined;
  receivedBytes = 0;
  lastPosition = 0;

  constructor(address: string) {
    const channel = new RpcChannel(address);
    closers.push(() => channel.close());
    this.stream = channel.follow();
    this.stream.listen({
      onMessage: (response) => {
        this.responses.push(response);
        const { message } = response;
        if (message.kind !== 'entries') return;
        for (const body of message.bodies) this.receivedBytes += body.length;
        this.lastPosition = message.firstPosition + message.bodies.length - 1;
      },
      onClose: (error) => {
        this.closed = true;
        this.error = error;
      },
    });
  }

  open(change: Partial<FollowOpen> = {}): this {
    this.stream.send({
      kind: 'open',
      shard: 's1',
      cluster: 'cluster-1',
      store: 'raw',
      node: 'raw',
      epoch: 1,
      lastEntry: { epoch: 0, position: 0 },
      creditBytes: MIB,
      ...change,
    });
    return this;
  }

  acknowledge(durablePosition: number): void {
    const position = { durablePosition, appliedPosition: durablePosition, receivedPosition: durablePosition };
    this.stream.send({ kind: 'acknowledge', ...position });
  }

  async ended(): Promise<FollowResponse['message'] | undefined> {
    await vi.waitFor(() => expect(this.closed).toBe(true), patience);
    return this.responses.at(-1)?.message;
  }

  /** Nothing comes any more. */
  async still(): Promise<number> {
    let before = -1;
    await vi.waitFor(
      () => {
        const seen = before;
        before = this.receivedBytes;
        expect(before).toBe(seen);
      },
      { timeout: 20_000, interval: 150 },
    );
    return before;
  }
}

describe('a follower', () => {
  test('has what the primary has, and shows what is visible there', async () => {
    const bed = await openPrimary();
    await fill(bed, 20);
    const { address } = await serve(bed.side);
    const replica = await ReplicaBed.open();
    replica.follow(address);
    await replica.levelWith(bed);
    bed.gate.close();
    bed.write(put('a', 'held', { ack: 'disk' }));
    await vi.waitFor(() => expect(replica.store.lastEntry).toEqual(bed.store.lastEntry), patience);
    expect(replica.store.lookup(1, 'a', 'visible').record).toBeUndefined();
    bed.gate.open();
    await vi.waitFor(() => expect(replica.store.lookup(1, 'a', 'visible').record?.value).toBe('held'), patience);
    await replica.expectEqual(bed);
    expect(replica.snapshots).toBe(0);
  });

  test('goes on from its last entry after a broken stream', async () => {
    const bed = await openPrimary();
    await fill(bed, 10);
    const first = await serve(bed.side);
    const replica = await ReplicaBed.open();
    replica.follow(first.address);
    await replica.levelWith(bed);
    await first.server.close();
    await fill(bed, 10, 10);
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(0), patience);
    const appended = vi.spyOn(replica.store, 'appendEncoded');
    const next = replica.store.lastEntry.position + 1;
    await serve(bed.side, first.address);
    await replica.expectEqual(bed);
    expect(appended.mock.calls[0]?.[0]).toBe(next);
    expect(replica.snapshots).toBe(0);
  });

  test('takes a snapshot when the log no longer reaches back, and follows from there', async () => {
    const bed = await openPrimary({ store: shortLog });
    await fill(bed, 100);
    await bed.store.flush();
    await vi.waitFor(() => expect(bed.store.firstPosition).toBeGreaterThan(1), patience);
    const { address } = await serve(bed.side);
    const replica = await ReplicaBed.open();
    replica.follow(address);
    await vi.waitFor(() => expect(replica.snapshots).toBe(1), patience);
    await fill(bed, 20, 90);
    await replica.expectEqual(bed);
    expect(replica.snapshots).toBe(1);
  });

  /** A primary that lost the end of its log by a power failure, which its follower has. */
  async function diverge(
    folded: boolean,
    others: readonly string[] = [],
  ): Promise<{ bed: PrimaryBed; replica: ReplicaBed; address: string }> {
    const world = new FakeWorld();
    const before = await openPrimary({ world });
    await before.settle(put('kept', '1', { ack: 'disk' }));
    const first = await serve(before.side);
    const replica = await ReplicaBed.open();
    replica.follow(first.address);
    await before.settle(put('lost', '1'));
    await before.settle(put('kept', '2'));
    await vi.waitFor(() => expect(replica.store.visiblePosition).toBe(before.store.lastEntry.position), patience);
    if (folded) await replica.store.flush();
    await first.server.close();
    const crashed = world.crash();
    const closed = before.store.close();
    await crashed;
    await closed;
    const bed = await (others.length === 0 ? openPrimary({ world }) : beginPrimary({ world, others }));
    expect(bed.valueOf('lost')).toBeUndefined();
    const { address } = await serve(bed.side);
    return { bed, replica, address };
  }

  test('cuts what the primary lacks, with a receipt', async () => {
    const { bed, replica, address } = await diverge(false);
    replica.follow(address, 2);
    await vi.waitFor(() => expect(replica.store.lastEntry).toEqual(bed.store.lastEntry), patience);
    await replica.expectEqual(bed);
    expect(replica.store.lookup(1, 'kept', 'visible').record?.value).toBe('1');
    expect(replica.store.epochs).toEqual(bed.store.epochs);
    const [receipt] = await replica.world.disk.list('data/receipts');
    expect(receipt).toMatch(/epoch-1\.ndjson$/);
    expect(replica.snapshots).toBe(0);
  });

  test('takes a snapshot when its view has folded what the primary lacks', async () => {
    const { bed, replica, address } = await diverge(true);
    replica.follow(address, 2);
    await vi.waitFor(() => expect(replica.snapshots).toBe(1), patience);
    await replica.expectEqual(bed);
    expect(replica.store.lookup(1, 'lost', 'newest').record).toBeUndefined();
  });

  test('takes a snapshot also of a primary that waits for it, and keeps what both logs have', async () => {
    const { bed, replica, address } = await diverge(true, ['follower-1']);
    // Its view has less than both logs, and nothing above may be shown before its opening entry is on both.
    expect(bed.store.visiblePosition).toBeLessThan(bed.store.lastEntry.position - 1);
    expect(bed.side.active).toBe(false);
    const shared = bed.store.lastEntry.position - 1;
    let least = Number.POSITIVE_INFINITY;
    const reset = replica.store.beginInstall.bind(replica.store);
    replica.store.beginInstall = async (...parts) => {
      const install = await reset(...parts);
      const finish = install.finish.bind(install);
      install.finish = async () => {
        await finish();
        least = Math.min(least, replica.store.lastEntry.position, replica.store.syncedPosition);
      };
      return install;
    };
    replica.follow(address, 2);
    await vi.waitFor(() => expect(bed.side.active).toBe(true), patience);
    expect([replica.snapshots, least]).toEqual([1, shared]);
    await replica.expectEqual(bed);
    expect(replica.store.lookup(1, 'kept', 'visible').record?.value).toBe('1');
  });

  test('writes down what the primary lacks before a snapshot takes its place', async () => {
    const { bed, replica, address } = await diverge(true);
    const { disk } = replica.world;
    expect(await disk.list('data/receipts')).toEqual([]);
    replica.follow(address, 2);
    await vi.waitFor(() => expect(replica.snapshots).toBe(1), patience);
    const receipts = await disk.list('data/receipts');
    const lines = receipts.flatMap((name) => disk.bytesOf(`data/receipts/${name}`).toString().trim().split('\n'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { kind: 'put', key: 'lost', value: '1', epoch: 1 },
      { kind: 'put', key: 'kept', value: '2', epoch: 1 },
    ]);
    // It is still there afterwards, and is not written again.
    await replica.expectEqual(bed);
    expect(await disk.list('data/receipts')).toHaveLength(receipts.length);
  });

  // The schedule: the primary answers the stream, loses the end of its log with its power, and leads again by the time
  // that it is asked for the snapshot.
  test.each([
    ['diverged', 1, 0],
    ['diverged', 1, 5],
    ['log-too-short', 0, 5],
  ] as const)(
    'takes no snapshot on the word of a log that is gone: %s, it lacked %i, and has %i writes since',
    async (cause, lacked, written) => {
      const { bed, replica } = await diverge(true);
      // Two writes more that are nobody else's, in its view.
      for (const key of ['own', 'view']) {
        const { lastEntry, lastTimestamp } = replica.store;
        const own = { epoch: 1, timestamp: lastTimestamp + 1 };
        replica.store.append(entryOf(lastEntry.position + 1, [putOf(key, '1')], own));
      }
      const last = replica.store.lastEntry.position;
      replica.store.setVisible(last);
      await replica.store.flush();
      await fill(bed, written);
      await bed.store.flush();
      const shared = (bed.store.epochs.at(-1)?.firstPosition ?? 0) - 1;
      const was = last - lacked;
      let follows = 0;
      let snapshots = 0;
      const { side } = bed;
      const { address } = await serve({
        follow: (stream) => {
          follows += 1;
          if (follows > 1) return side.follow(stream);
          stream.listen({ onMessage: () => {}, onClose: () => {} });
          const epochs = [
            { epoch: 1, firstPosition: 1 },
            { epoch: 2, firstPosition: was + 1 },
          ];
          const message = { kind: 'snapshot-needed', cause, lastPosition: was + 1, epochs } as const;
          stream.send({ message, epoch: 2, visiblePosition: 0, syncPosition: 0 });
          stream.end();
        },
        snapshot: (stream) => {
          snapshots += 1;
          side.snapshot(stream);
        },
        beacon: (stream) => side.beacon(stream),
      });
      replica.follow(address, 2);
      await replica.expectEqual(bed);
      const { disk } = replica.world;
      const names = await disk.list('data/receipts');
      const lines = names.flatMap((name) => disk.bytesOf(`data/receipts/${name}`).toString().trim().split('\n'));
      expect(lines.map((line) => JSON.parse(line))).toMatchObject(
        Array.from({ length: last - shared }, (_, index) => ({ position: shared + 1 + index, epoch: 1 })),
      );
      expect([names, snapshots, replica.snapshots]).toEqual([[`${shared + 1}-${last}-epoch-1.ndjson`], 2, 1]);
      await replica.close();
      const again = await ReplicaBed.open(replica.world);
      expect(again.store.epochs).toEqual(bed.store.epochs);
    },
  );

  // The schedule: it led, and has what no quorum has; who leads now ends before its opening entry is safe, and another
  // one that lacks all of that leads in its place. Were it gone from this log by then, it would be in no receipt.
  test('keeps its log until the opening entry of the one that it follows is safe on a quorum', async () => {
    const world = new FakeWorld();
    const former = await openPrimary({ world });
    const first = await serve(former.side);
    const before = await ReplicaBed.open();
    before.follow(first.address);
    await fill(former, 50);
    await before.levelWith(former);
    await first.server.close();
    await before.close();
    former.side.abandon();
    await former.store.close();

    const bed = await beginPrimary({ world, others: ['away-1', 'away-2'] });
    const { address } = await serve(bed.side);
    const replica = await ReplicaBed.open(before.world, shortLog);
    replica.follow(address, 2);
    await vi.waitFor(() => expect(replica.store.lastEntry).toEqual(bed.store.lastEntry), patience);
    await replica.store.flush();
    expect([bed.side.active, replica.store.firstPosition]).toEqual([false, 1]);
    const { configuration } = bed;
    bed.side.onConfiguration({ ...configuration, epoch: 3, members: [configuration.primary], quorum: 1 }, true);
    await replica.levelWith(bed);
    await replica.store.flush();
    await vi.waitFor(() => expect(replica.store.firstPosition).toBeGreaterThan(1), patience);
  });

  test('has no receipt of a log that only ends too early', async () => {
    const bed = await openPrimary({ store: shortLog });
    const { address, server } = await serve(bed.side);
    const replica = await ReplicaBed.open();
    await fill(bed, 5);
    replica.follow(address);
    await replica.levelWith(bed);
    await server.close();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(0), patience);
    await fill(bed, 100);
    await bed.store.flush();
    await vi.waitFor(() => expect(bed.store.firstPosition).toBeGreaterThan(10), patience);
    const again = await serve(bed.side);
    replica.follow(again.address);
    await vi.waitFor(() => expect(replica.snapshots).toBe(1), patience);
    await replica.expectEqual(bed);
    expect(await replica.world.disk.list('data/receipts')).toEqual([]);
  });

  test('does not stand still for ever when its overlay is full of what is not visible yet', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const replica = await ReplicaBed.open(new FakeWorld(), { overlayBytesMax: 64 * KIB });
    replica.follow(address);
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    bed.gate.close();
    for (let index = 0; index < 30; index += 1) {
      bed.write(put(`key-${index}`, 'x'.repeat(10_000), { ack: 'disk' }));
      await turns(2);
    }
    await vi.waitFor(() => expect(replica.store.lastEntry).toEqual(bed.store.lastEntry), patience);
    expect(replica.store.hasRoom()).toBe(false);
    bed.gate.open();
    await replica.expectEqual(bed);
    expect(replica.store.hasRoom()).toBe(true);
  });

  test('that is slow is not sent more than its overlay and its credit hold', async () => {
    const bed = await openPrimary();
    await fill(bed, 150, 0, 20_000);
    const { address } = await serve(bed.side);
    const replica = await ReplicaBed.open(new FakeWorld(), { overlayBytesMax: 256 * KIB });
    let highest = 0;
    const append = replica.store.appendEncoded.bind(replica.store);
    replica.store.appendEncoded = (...parts) => {
      const entries = append(...parts);
      highest = Math.max(highest, replica.store.overlayBytes);
      return entries;
    };
    replica.follow(address);
    await replica.expectEqual(bed);
    // One message beyond what is allowed.
    expect(highest).toBeLessThan(256 * KIB + 1.2 * MIB);
  });

  test('is a learner until it was level once, and knows how stale it is', async () => {
    const bed = await openPrimary();
    await fill(bed, 5);
    const { address, server } = await serve(bed.side);
    const replica = await ReplicaBed.open();
    expect([replica.side.role, replica.side.stalenessMs]).toEqual(['learner', Number.MAX_SAFE_INTEGER]);
    replica.follow(address);
    await vi.waitFor(() => expect(replica.side.role).toBe('replica'), patience);
    expect(replica.servings).toBe(1);
    expect(replica.side.stalenessMs).toBeLessThan(5000);
    expect(replica.side.state().applied).toEqual(bed.side.state().applied);
    await server.close();
    await vi.waitFor(() => expect(replica.side.stalenessMs).toBeGreaterThan(400), patience);
    expect(replica.side.role).toBe('replica');
  });

  test('grants the lease also while it takes a snapshot, for its old state', async () => {
    const bed = await openPrimary({ store: shortLog });
    await fill(bed, 100);
    await bed.store.flush();
    await vi.waitFor(() => expect(bed.store.firstPosition).toBeGreaterThan(1), patience);
    const { side } = bed;
    const granted: number[] = [];
    let snapshots = 0;
    const { address } = await serve({
      follow: (stream) => side.follow(stream),
      // It never comes to its end.
      snapshot: (stream) => {
        snapshots += 1;
        stream.listen({ onMessage: () => {}, onClose: () => {} });
      },
      beacon: (stream) => {
        const ask = (): void => {
          const number = granted.length + 1;
          stream.send({ epoch: 1, since: 1, lastPosition: 0, stampMs: 1, leaseMs: 1000, number });
        };
        const onMessage = ({ granted: number }: { readonly granted: number }): void => {
          if (number !== 0 && snapshots > 0) granted.push(number);
          if (granted.length < 3) setImmediate(ask);
        };
        stream.listen({ onMessage, onClose: () => {} });
      },
    });
    const replica = await ReplicaBed.open();
    replica.follow(address);
    await vi.waitFor(() => expect(granted).toHaveLength(3), patience);
    expect([snapshots, replica.snapshots]).toEqual([1, 0]);
  });

  test('looks for the primary again when beacons stay unanswered on an open connection', async () => {
    const bed = await openPrimary();
    const { side } = bed;
    const served = await serve({
      follow: (stream) => side.follow(stream),
      snapshot: (stream) => side.snapshot(stream),
      beacon: (stream) => stream.listen({ onMessage: () => {}, onClose: () => {} }),
    });
    const replica = await ReplicaBed.open();
    replica.follow(served.address);
    await vi.waitFor(() => expect(served.follows).toBe(1), patience);
    await replica.levelWith(bed);
    replica.aheadMs += 3500;
    await vi.waitFor(() => expect(served.follows).toBeGreaterThan(1), patience);
    expect(replica.side.role).toBe('learner');
  });

  test('that is closed asks nobody any more', async () => {
    const bed = await openPrimary();
    const served = await serve(bed.side);
    const replica = await ReplicaBed.open();
    replica.follow(served.address);
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    replica.side.close();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(0), patience);
    replica.follow(served.address, 7);
    expect(served.follows).toBe(1);
  });
});

describe('a primary', () => {
  test('ends the older stream of a store that opens a second one', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const older = new RawFollower(address).open();
    const other = new RawFollower(address).open({ store: 'other' });
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(2), patience);
    const newer = new RawFollower(address).open();
    await older.ended();
    expect(older.error).toBeUndefined();
    expect(bed.side.followerCount).toBe(2);
    await bed.settle(put('a', '1'));
    const last = bed.store.lastEntry.position;
    await vi.waitFor(() => expect([newer.lastPosition, other.lastPosition]).toEqual([last, last]), patience);
    expect(older.lastPosition).toBeLessThan(last);
  });

  test('sends a follower that makes nothing durable its credit, and one entry at most beyond', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const live = new RawFollower(address).open();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    const entryBytes = 100 * KIB;
    await fill(bed, 40, 0, entryBytes);
    const late = new RawFollower(address).open({ store: 'late', creditBytes: 2 * MIB });
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(2), patience);
    for (const [follower, creditBytes] of [
      [live, MIB],
      [late, 2 * MIB],
    ] as const) {
      const received = await follower.still();
      expect(received).toBeGreaterThan(creditBytes - entryBytes - KIB);
      expect(received).toBeLessThan(creditBytes + entryBytes + KIB);
      while (follower.lastPosition < bed.store.lastEntry.position) {
        const before = follower.lastPosition;
        follower.acknowledge(before);
        await vi.waitFor(() => expect(follower.lastPosition).toBeGreaterThan(before), patience);
      }
    }
  });

  test('keeps the log that a slow follower needs', async () => {
    const bed = await openPrimary({ store: { ...shortLog, retentionBytesMax: MIB } });
    const { address } = await serve(bed.side);
    const slow = new RawFollower(address).open();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    await fill(bed, 100);
    await bed.store.flush();
    expect(bed.store.firstPosition).toBe(1);
    slow.stream.cancel();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(0), patience);
    await fill(bed, 1);
    await bed.store.flush();
    await vi.waitFor(() => expect(bed.store.firstPosition).toBeGreaterThan(1), patience);
  });

  test.each([
    ['other-cluster', { cluster: 'cluster-2' }],
    ['other-shard', { shard: 's2' }],
    ['old-epoch', { epoch: 2 }],
  ] as const)('refuses a follower: %s', async (cause, change) => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    expect(await new RawFollower(address).open(change).ended()).toEqual({ kind: 'refused', cause });
    expect(bed.side.followerCount).toBe(0);
  });

  test('refuses followers once it is over, and so does a replica', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const follower = new RawFollower(address).open();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    bed.side.abandon();
    expect(bed.side.active).toBe(false);
    const refused = { kind: 'refused', cause: 'not-primary' };
    expect(await new RawFollower(address).open().ended()).toEqual(refused);
    expect(await follower.ended()).toEqual(refused);
    const replica = await ReplicaBed.open();
    const served = await serve(replica.side);
    expect(await new RawFollower(served.address).open().ended()).toEqual(refused);
  });

  test('breaks a stream off whose follower breaks the protocol', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const silentOne = new RawFollower(address);
    silentOne.acknowledge(1);
    await silentOne.ended();
    const twice = new RawFollower(address).open().open();
    await twice.ended();
    expect([silentOne.error?.code, twice.error?.code]).toEqual(['protocol', 'protocol']);
    expect(bed.side.followerCount).toBe(0);
  });

  test('ends its feeds after all that they can take has been sent', async () => {
    const bed = await openPrimary();
    const { address } = await serve(bed.side);
    const follower = new RawFollower(address).open();
    await vi.waitFor(() => expect(bed.side.followerCount).toBe(1), patience);
    await fill(bed, 3);
    bed.side.endFollowing();
    await follower.ended();
    expect(follower.error).toBeUndefined();
    expect(follower.lastPosition).toBe(bed.store.lastEntry.position);
    expect(follower.responses.at(-1)?.visiblePosition).toBe(bed.store.visiblePosition);
  });
});

describe('snapshots', () => {
  class RawTaker {
    readonly stream;
    readonly responses: SnapshotResponse[] = [];
    error: EdisError | undefined;
    closed = false;

    constructor(address: string, shard = 's1') {
      const channel = new RpcChannel(address);
      closers.push(() => channel.close());
      this.stream = channel.snapshot();
      this.stream.listen({
        onMessage: (response) => this.responses.push(response),
        onClose: (error) => {
          this.closed = true;
          this.error = error;
        },
      });
      this.stream.send({ kind: 'open', shard, cluster: 'cluster-1', store: 'raw' });
    }
  }

  test('are sent page by page, as they are granted', async () => {
    const bed = await openPrimary();
    await fill(bed, 40, 0, 100 * KIB);
    const { address } = await serve(bed.side);
    const taker = new RawTaker(address);
    await vi.waitFor(() => expect(taker.responses).toHaveLength(1), patience);
    for (let pages = 1; taker.responses.at(-1)?.kind !== 'end'; pages += 1) {
      taker.stream.send({ kind: 'grant', pages: 1 });
      await vi.waitFor(() => expect(taker.responses.length).toBeGreaterThan(pages), patience);
      expect(taker.responses.filter(({ kind }) => kind === 'page').length).toBeLessThanOrEqual(pages);
    }
    await vi.waitFor(() => expect(taker.closed).toBe(true), patience);
    expect(taker.error).toBeUndefined();
  });

  test('are given to two followers at once, and of no other shard', async () => {
    const bed = await openPrimary();
    await fill(bed, 1);
    const { address } = await serve(bed.side);
    const takers = [new RawTaker(address), new RawTaker(address)];
    for (const taker of takers) await vi.waitFor(() => expect(taker.responses.length).toBeGreaterThan(0), patience);
    const third = new RawTaker(address);
    await vi.waitFor(() => expect(third.closed).toBe(true), patience);
    expect(third.responses).toEqual([]);
    takers[0]?.stream.cancel();
    await vi.waitFor(async () => {
      const next = new RawTaker(address);
      await vi.waitFor(() => expect(next.closed || next.responses.length > 0).toBe(true), patience);
      expect(next.closed).toBe(false);
    }, patience);
    takers[1]?.stream.cancel();
    const foreign = new RawTaker(address, 's2');
    await vi.waitFor(() => expect(foreign.closed).toBe(true), patience);
    expect(foreign.responses).toEqual([]);
  });

  test('that break off leave the old state in service, and are begun anew', async () => {
    const bed = await openPrimary({ store: shortLog });
    await fill(bed, 100);
    await bed.store.flush();
    await vi.waitFor(() => expect(bed.store.firstPosition).toBeGreaterThan(1), patience);
    const { side } = bed;
    let broken = 0;
    const { address } = await serve({
      follow: (stream) => side.follow(stream),
      beacon: (stream) => side.beacon(stream),
      snapshot: (stream) => {
        if (broken === 2) {
          side.snapshot(stream);
          return;
        }
        broken += 1;
        stream.listen({ onMessage: () => {}, onClose: () => {} });
        const start = { position: { epoch: 1, position: 5 }, timestamp: 5, epochs: [], recordCount: 1 };
        stream.send({ kind: 'start', ...start, contentHash: '0000000000000000' });
        // Once it ends short, once it claims to be complete.
        if (broken === 2) stream.send({ kind: 'end', rowCount: 0 });
        stream.end();
      },
    });
    const replica = await ReplicaBed.open();
    replica.follow(address);
    await replica.expectEqual(bed);
    expect([broken, replica.snapshots]).toEqual([2, 1]);
  });
});
