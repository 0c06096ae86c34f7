import type { BeaconResponse, Configuration, EdisError, FollowResponse, NodeMessage, Prepare } from '@edis/core';
import type { Store } from '@edis/store';
import { entryOf, FakeWorld, putOf } from '@edis/store/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Counters } from './counters.ts';
import { CurrentSide } from './current-side.ts';
import { leaseMs, ManualTimers, ScriptedChannel } from './group-fixture.ts';
import { MemberGroup } from './member-group.ts';
import { Ownership } from './ownership.ts';
import { configurationOf, SyncGate, silent, topologyOf, turns } from './primary-fixture.ts';
import { PrimarySide } from './primary-side.ts';
import { ReplicaSide } from './replica-side.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The group part of a member, which dials primaries that the test plays. */
class MemberBed {
  readonly gate: SyncGate;
  readonly world: FakeWorld;
  readonly store: Store;
  readonly timers = new ManualTimers();
  readonly channels: ScriptedChannel[] = [];
  readonly said: NodeMessage[] = [];
  readonly failures: EdisError[] = [];
  readonly current: CurrentSide;
  readonly group: MemberGroup;
  /** It is about to write its opening entry. */
  onOpening: () => void = () => {};

  static async open(world?: FakeWorld, gate = new SyncGate()): Promise<MemberBed> {
    const open = world ?? new FakeWorld({ beforeSync: gate.beforeSync });
    const store = await open.open({ newStoreId: () => 'self' });
    await store.saveIdentity({ cluster: 'cluster-1', shard: 's1' });
    return new MemberBed(open, gate, store);
  }

  private constructor(world: FakeWorld, gate: SyncGate, store: Store) {
    this.world = world;
    this.gate = gate;
    this.store = store;
    const { timers } = this;
    const monotonicMs = (): number => timers.nowMs;
    const replica: ReplicaSide = new ReplicaSide({
      store,
      node: 'n1',
      logger: silent,
      network: {
        dial: (address) => {
          const channel = new ScriptedChannel(address);
          this.channels.push(channel);
          return channel;
        },
        serve: () => {
          throw new Error('nothing is served here');
        },
      },
      timers,
      replicationDelayMs: 0,
      random: () => 0,
      monotonicMs,
      wallMs: monotonicMs,
      serving: true,
      onShown: () => {},
      onServing: () => {},
      onLease: (primary, beacon) => this.group.onBeacon(primary, beacon),
      onSnapshot: () => {},
    });
    this.current = new CurrentSide({ kind: 'replica', side: replica });
    const ownership = new Ownership();
    ownership.onShard('s1');
    ownership.onTopology(topologyOf(1));
    this.group = new MemberGroup({
      store,
      logger: silent,
      ownership,
      replica,
      current: this.current,
      monotonicMs,
      makePrimary: (configuration) => this.#makePrimary(configuration),
      say: (message) => {
        this.said.push(message);
        return true;
      },
      onPart: () => {},
      onSideChanged: () => {},
      onFailed: (error) => this.failures.push(error),
    });
    store.onSynced((position) => this.current.now.side.onSynced(position));
    this.group.start('');
    closers.push(async () => {
      this.group.close();
      replica.close();
      this.current.primary?.abandon();
      gate.open();
      await store.close();
    });
  }

  #makePrimary(configuration: Configuration): PrimarySide {
    this.onOpening();
    const { store, timers } = this;
    return new PrimarySide({
      store,
      configuration,
      counters: new Counters(),
      logger: silent,
      timers,
      queueOperations: 1000,
      queueBytes: 1_000_000,
      overlayBytesMax: 1_000_000,
      wallMs: () => timers.nowMs,
      monotonicMs: () => timers.nowMs,
      clientCount: () => 0,
      cluster: () => 'cluster-1',
      shard: () => 's1',
      onActive: () => {},
      onShown: () => {},
      onPropose: () => {},
      onHandedOver: () => {},
    });
  }

  /** The process ends, or the power fails, and it is started again. */
  async restart(loss: 'kill' | 'crash'): Promise<MemberBed> {
    const lost = this.world[loss]();
    this.group.close();
    this.gate.open();
    const closed = this.store.close();
    await lost;
    await closed;
    return MemberBed.open(this.world, this.gate);
  }

  /** The newest connection on which it follows. */
  get follow(): ScriptedChannel | undefined {
    return this.channels.filter(({ followStream }) => followStream !== undefined).at(-1);
  }

  /** The newest connection on which it answers beacons. */
  get beacons(): ScriptedChannel | undefined {
    return this.channels.filter(({ beaconStream }) => beaconStream !== undefined).at(-1);
  }

  /** Where it followed, one after the other. */
  get followed(): string[] {
    return this.channels.filter(({ followStream }) => followStream !== undefined).map(({ address }) => address);
  }

  /** Info says it, and it is acted on. */
  async configure(configuration: Configuration): Promise<void> {
    this.group.onConfiguration(configuration, '', false);
    await turns();
  }

  async prepare(change: Partial<Prepare>): Promise<void> {
    this.group.onPrepare({ epoch: 0, preferred: '', releasedBy: '', ...change });
    await turns();
  }

  /** Time passes, and the group is looked after. */
  async pass(ms: number): Promise<void> {
    this.timers.pass(ms);
    this.group.tick();
    await turns();
  }

  /** The newest primary sends a beacon; true: the lease that it asks for is granted. */
  beacon(change: Partial<BeaconResponse> = {}): boolean {
    const stream = this.beacons?.beaconStream;
    const before = stream?.sent.length ?? 0;
    const number = 1000 + before;
    stream?.hear({ epoch: 1, since: 1, lastPosition: 0, stampMs: 1, leaseMs, number, ...change });
    return stream?.sent.slice(before).some(({ granted }) => granted === number) ?? false;
  }

  respond(message: FollowResponse['message'], epoch: number, channel = this.follow): void {
    channel?.followStream?.hear({ message, epoch, visiblePosition: 0, syncPosition: 0 });
  }

  get answers(): NodeMessage[] {
    return this.said.filter(({ kind }) => kind === 'promise');
  }
}

const watermark: FollowResponse['message'] = { kind: 'watermark' };

const underP1 = configurationOf('p1', 1, ['self', 'f2'], {
  primaryEndpoints: [{ network: '', address: 'p1:1' }],
  leaseMs,
});
const underP2 = {
  ...underP1,
  epoch: 2,
  primarySince: 2,
  primary: 'p2',
  primaryEndpoints: [{ network: '', address: 'p2:1' }],
};
const underSelf = { ...underP1, epoch: 2, primarySince: 2, primary: 'self' };

/** What a primary of that epoch sends, as it came out of its log. */
async function entriesOf(count: number, epoch: number): Promise<readonly FollowResponse['message'][]> {
  const store = await new FakeWorld().open();
  closers.push(() => store.close());
  const messages: FollowResponse['message'][] = [];
  for (let position = 1; position <= count; position += 1) {
    store.append(entryOf(position, [putOf('a', '1')], { epoch }));
    const { bodies = [], checksums = [] } = (await store.readEntries(position, 1)) ?? {};
    messages.push({ kind: 'entries', firstPosition: position, bodies, checksums });
  }
  return messages;
}

describe('a configuration', () => {
  test('is followed, and a lease granted under it, once it is on the disk', async () => {
    const bed = await MemberBed.open();
    bed.gate.close();
    await bed.configure(underP1);
    expect(bed.channels).toEqual([]);
    bed.gate.open();
    await turns();
    expect(bed.follow?.address).toBe('p1:1');
    expect(bed.follow?.followStream?.sent).toMatchObject([{ kind: 'open', epoch: 1, store: 'self' }]);
    expect(bed.beacon()).toBe(true);
    expect(bed.beacon({ leaseMs: 0, number: 0 })).toBe(false);
  });

  test('of an older epoch changes nothing', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP2);
    await bed.configure(underP1);
    expect(bed.followed).toEqual(['p2:1']);
    expect(bed.group.knownEpoch).toBe(2);
  });

  test('that changes the members alone leaves the stream as it is', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    await bed.configure({ ...underP1, epoch: 2, members: ['p1', 'self'] });
    expect(bed.followed).toEqual(['p1:1']);
    expect([bed.follow?.closed, bed.beacons?.closed]).toEqual([false, false]);
  });

  test('is acted on after a restart without info', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    const again = await bed.restart('kill');
    expect(again.follow?.address).toBe('p1:1');
  });
});

describe('a log that is being cut', () => {
  test('holds up no lease: beacons are answered for the state before', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    bed.respond({ kind: 'start', fromPosition: 1, epochs: [] }, 1);
    for (const entries of await entriesOf(2, 1)) bed.respond(entries, 1);
    bed.follow?.followStream?.cancel();
    await bed.pass(10);
    bed.gate.close();
    bed.respond(
      { kind: 'snapshot-needed', cause: 'diverged', lastPosition: 1, epochs: [{ epoch: 1, firstPosition: 1 }] },
      1,
    );
    await turns();
    expect([bed.beacon(), bed.store.lastEntry.position]).toEqual([true, 2]);
    bed.gate.open();
    await turns();
    expect([bed.beacon(), bed.store.lastEntry.position]).toEqual([true, 1]);
  });
});

describe('a promise', () => {
  test('ends what the primary of before says: its stream, its late entries, its beacons', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    const former = bed.follow;
    const [first = watermark, second = watermark] = await entriesOf(2, 1);
    bed.respond({ kind: 'start', fromPosition: 1, epochs: [] }, 1);
    bed.respond(first, 1);
    expect(bed.store.lastEntry).toEqual({ epoch: 1, position: 1 });
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    expect(bed.answers).toMatchObject([{ answer: { kind: 'promised', promisedEpoch: 2, lastEntry: { position: 1 } } }]);
    expect([former?.closed, former?.followStream?.closed, bed.beacons?.closed]).toEqual([true, true, true]);
    // What was under way arrives nevertheless.
    bed.respond(second, 1, former);
    expect(bed.store.lastEntry.position).toBe(1);
    expect(bed.beacon()).toBe(false);
    // Nor does it look for that primary again, when it is told of it or by itself.
    await bed.configure(underP1);
    await bed.pass(60_000);
    expect(bed.followed).toEqual(['p1:1']);
  });

  test('fences a primary of a lower epoch at the address of the new one', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    await bed.configure(underP2);
    expect(bed.follow?.address).toBe('p2:1');
    expect([bed.beacon({ epoch: 1, since: 1 }), bed.beacon({ epoch: 2, since: 2 })]).toEqual([false, true]);
    bed.respond({ kind: 'start', fromPosition: 1, epochs: [] }, 1);
    const [first = watermark] = await entriesOf(1, 1);
    bed.respond(first, 1);
    expect(bed.store.lastEntry.position).toBe(0);
    expect(bed.follow?.followStream?.closed).toBe(true);
  });

  test('is on the disk before it is spoken, and stands from before that on', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    const former = bed.follow;
    bed.gate.close();
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    expect(bed.answers).toEqual([]);
    expect(former?.followStream?.closed).toBe(true);
    expect(bed.beacon()).toBe(false);
    bed.gate.open();
    await turns();
    expect(bed.answers).toMatchObject([{ answer: { kind: 'promised', promisedEpoch: 2 } }]);
    const again = await bed.restart('crash');
    expect(again.store.identity.promisedEpoch).toBe(2);
    // It waits for whoever leads in that epoch, and tells info what it must exceed.
    expect([again.group.isWaiting, again.channels]).toEqual([true, []]);
    await again.prepare({ epoch: 1 });
    expect(again.answers).toMatchObject([{ answer: { kind: 'outdated', promisedEpoch: 2 } }]);
  });

  test('waits for the end of the lease that was granted, unless its holder is to lead again', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    await bed.pass(10 * leaseMs);
    expect(bed.beacon()).toBe(true);
    await bed.prepare({ epoch: 2 });
    await bed.pass(leaseMs);
    expect(bed.answers).toEqual([]);
    await bed.pass(leaseMs / 10);
    expect(bed.answers).toMatchObject([{ answer: { kind: 'promised', promisedEpoch: 2, witness: true } }]);

    const other = await MemberBed.open();
    await other.configure(underP1);
    await other.pass(10 * leaseMs);
    expect(other.beacon()).toBe(true);
    await other.prepare({ epoch: 2, preferred: 'p1' });
    expect(other.answers).toMatchObject([{ answer: { kind: 'promised' } }]);
  });

  test('is not made soon after a start: what was granted before it is forgotten', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    const again = await bed.restart('kill');
    await again.prepare({ epoch: 2 });
    await again.pass(leaseMs);
    expect(again.answers).toEqual([]);
    await again.pass(leaseMs / 10);
    expect(again.answers).toMatchObject([{ answer: { kind: 'promised', witness: false } }]);
  });

  test('is not made soon after a start, also when the lease has been made shorter since it was granted', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    await bed.configure({ ...underP1, leaseMs: leaseMs / 4 });
    const again = await bed.restart('crash');
    await again.prepare({ epoch: 2 });
    await again.pass(leaseMs);
    expect(again.answers).toEqual([]);
    await again.pass(leaseMs / 10);
    expect(again.answers).toMatchObject([{ answer: { kind: 'promised' } }]);
  });

  test('is not made when the session in which it was asked for has ended before its turn', async () => {
    const bed = await MemberBed.open();
    await bed.configure(underP1);
    await bed.pass(10 * leaseMs);
    bed.group.onPrepare({ epoch: 2, preferred: '', releasedBy: '' });
    bed.group.onSession();
    await turns();
    expect([bed.answers, bed.store.identity.promisedEpoch]).toEqual([[], 0]);
    await bed.prepare({ epoch: 2 });
    expect(bed.answers).toMatchObject([{ answer: { kind: 'promised' } }]);
  });
});

describe('a replica that is promoted', () => {
  test('becomes the primary in place, and a replica again when it promised a higher epoch', async () => {
    const bed = await MemberBed.open();
    await bed.configure({ ...underP1, members: ['p1', 'self'], quorum: 2 });
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    await bed.configure({ ...underSelf, members: ['self'], quorum: 1 });
    const { primary } = bed.current;
    expect([primary?.active, primary?.since, bed.store.lastEntry]).toEqual([true, 2, { epoch: 2, position: 1 }]);
    // It holds its lease and is not to be its own successor.
    await bed.prepare({ epoch: 3, preferred: 'f2' });
    expect(bed.answers.at(-1)).toMatchObject({ answer: { kind: 'declined' } });
    await bed.prepare({ epoch: 3, preferred: 'f2', releasedBy: 'self' });
    expect(bed.answers.at(-1)).toMatchObject({ answer: { kind: 'promised', promisedEpoch: 3 } });
    expect([bed.current.primary, primary?.active, bed.current.role]).toEqual([undefined, false, 'replica']);
    await bed.configure({ ...underP2, epoch: 3, primarySince: 3 });
    expect(bed.follow?.address).toBe('p2:1');
    expect(bed.follow?.followStream?.sent).toMatchObject([{ lastEntry: { epoch: 2, position: 1 }, epoch: 3 }]);
  });

  test('opens its epoch while its configuration is being saved; what info says next waits for that', async () => {
    const bed = await MemberBed.open();
    await bed.configure({ ...underP1, members: ['p1', 'self'], quorum: 2 });
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    bed.gate.close();
    await bed.configure({ ...underSelf, members: ['self'], quorum: 1 });
    expect([bed.current.primary?.since, bed.store.lastEntry]).toEqual([2, { epoch: 2, position: 1 }]);
    await bed.prepare({ epoch: 3, preferred: 'f2', releasedBy: 'self' });
    expect([bed.answers.at(-1), bed.current.primary?.since]).toMatchObject([{ answer: { promisedEpoch: 2 } }, 2]);
    bed.gate.open();
    await turns();
    expect(bed.answers.at(-1)).toMatchObject({ answer: { kind: 'promised', promisedEpoch: 3 } });
    expect(bed.failures).toEqual([]);
  });

  test('that loses power before its configuration is safe waits, whatever it has written', async () => {
    const bed = await MemberBed.open();
    await bed.configure({ ...underP1, members: ['p1', 'self'], quorum: 2 });
    await bed.prepare({ epoch: 2, releasedBy: 'p1' });
    bed.gate.close();
    await bed.configure(underSelf);
    const again = await bed.restart('crash');
    await turns();
    expect([again.group.isWaiting, again.group.promisedEpoch, again.followed]).toEqual([true, 2, []]);
    await again.configure(underSelf);
    expect([again.current.primary, again.group.isWaiting]).toEqual([undefined, true]);
  });

  test('does not lead on what it remembers of an epoch in which it has written', async () => {
    const bed = await MemberBed.open();
    await bed.configure({ ...underSelf, members: ['self'], quorum: 1 });
    expect(bed.current.primary?.active).toBe(true);
    const again = await bed.restart('crash');
    await turns();
    expect([again.current.primary, again.group.isWaiting]).toEqual([undefined, true]);
    await again.prepare({ epoch: 3, preferred: 'self' });
    await again.configure({ ...underSelf, epoch: 3, primarySince: 3, members: ['self'], quorum: 1 });
    expect(again.current.primary?.active).toBe(true);
    expect(again.store.lastEntry).toEqual({ epoch: 3, position: 2 });
  });

  // The schedule: two followers have the opening entry and a quorum write behind it, the primary's own sync is slow,
  // and its power fails. It comes back with nothing of that epoch; leading in it again would take the write away.
  test('does not lead again in an epoch whose entries it has lost', async () => {
    const bed = await MemberBed.open();
    await bed.configure({ ...underP1, members: ['p1', 'self'], quorum: 2 });
    await bed.prepare({ epoch: 2, preferred: 'p1' });
    bed.onOpening = () => bed.gate.close();
    await bed.configure(underSelf);
    expect([bed.store.lastEntry, bed.store.syncedPosition]).toEqual([{ epoch: 2, position: 1 }, 0]);
    const again = await bed.restart('crash');
    await again.configure(underSelf);
    expect(again.store.lastEntry).toEqual({ epoch: 0, position: 0 });
    expect([again.current.primary, again.group.isWaiting]).toEqual([undefined, true]);
  });
});

test('what a member shows at a position after a cut has the epoch of the entry that stands there then', async () => {
  const { store, current } = await MemberBed.open();
  for (let position = 1; position <= 3; position++) store.append(entryOf(position, [putOf('k', 'v')], { epoch: 5 }));
  store.setVisible(3);
  expect(current.state().applied).toEqual({ epoch: 5, position: 3 });
  await store.truncateAfter(2);
  store.append(entryOf(3, [putOf('k', 'new')], { epoch: 6, timestamp: 9_000_000 }));
  store.setVisible(3);
  expect(current.state().applied).toEqual({ epoch: 6, position: 3 });
});
