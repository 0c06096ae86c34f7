import type {
  BeaconRequest,
  BeaconResponse,
  Configuration,
  FollowOpen,
  FollowRequest,
  FollowResponse,
  MembershipProposal,
  StoreId,
  Timers,
} from '@edis/core';
import type { MessageStream, NodeChannel, StreamListener } from '@edis/rpc';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { PrimaryBed, turns } from './primary-fixture.ts';
import type { PrimarySide } from './primary-side.ts';

/** A primary with followers that say what the test lets them say, on clocks that the test moves. */
export const leaseMs = 1000;

interface Timer {
  dueMs: number;
  readonly intervalMs: number | undefined;
  readonly run: () => void;
}

/** Nothing is due before the test says so. */
export class ManualTimers implements Timers {
  nowMs = 5000;
  readonly #timers = new Set<Timer>();

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ dueMs: this.nowMs + delayMs, intervalMs: undefined, run });
  }

  every(intervalMs: number, run: () => void): () => void {
    return this.#add({ dueMs: this.nowMs + intervalMs, intervalMs, run });
  }

  /** Time passes; what becomes due runs in its order. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((left, right) => left.dueMs - right.dueMs);
      if (next === undefined || next.dueMs > endMs) break;
      this.nowMs = next.dueMs;
      if (next.intervalMs === undefined) this.#timers.delete(next);
      else next.dueMs += next.intervalMs;
      next.run();
    }
    this.nowMs = endMs;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}

/** One side of a stream; the test is the other. */
export class ScriptedStream<Out, In> implements MessageStream<Out, In> {
  readonly peer = 'test';
  readonly sent: Out[] = [];
  closed = false;
  #listener: StreamListener<In> | undefined;

  listen(listener: StreamListener<In>): void {
    this.#listener = listener;
  }

  send(message: Out): boolean {
    if (this.closed) return false;
    this.sent.push(message);
    return true;
  }

  end(): void {
    this.cancel();
  }

  cancel(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(undefined);
  }

  pause(): void {}

  resume(): void {}

  /** The other side says something, which may have been under way when this side ended. */
  hear(message: In): void {
    this.#listener?.onMessage(message);
  }
}

/** What a node dialled, played by the test: it answers nothing by itself. */
export class ScriptedChannel implements NodeChannel {
  readonly address: string;
  followStream: ScriptedStream<FollowRequest, FollowResponse> | undefined;
  beaconStream: ScriptedStream<BeaconRequest, BeaconResponse> | undefined;
  closed = false;

  constructor(address: string) {
    this.address = address;
  }

  session(): never {
    throw new Error('there is no info here');
  }

  snapshot(): never {
    throw new Error('there are no snapshots here');
  }

  follow(): ScriptedStream<FollowRequest, FollowResponse> {
    this.followStream = new ScriptedStream();
    return this.followStream;
  }

  beacon(): ScriptedStream<BeaconRequest, BeaconResponse> {
    this.beaconStream = new ScriptedStream();
    return this.beaconStream;
  }

  close(): void {
    this.closed = true;
  }
}

/** One that has what it is sent at once, syncs when it is told to, and grants when it is told to. */
class ScriptedFollower {
  readonly follow = new ScriptedStream<FollowResponse, FollowRequest>();
  readonly beacon = new ScriptedStream<BeaconResponse, BeaconRequest>();
  readonly #store: StoreId;

  constructor(side: PrimarySide, store: StoreId, open: Partial<FollowOpen> = {}) {
    this.#store = store;
    side.follow(this.follow);
    this.follow.hear({
      kind: 'open',
      shard: 's1',
      cluster: 'cluster-1',
      store,
      node: store,
      epoch: side.epoch,
      lastEntry: { epoch: 0, position: 0 },
      creditBytes: 64 * 1024 * 1024,
      ...open,
    });
    side.beacon(this.beacon);
    this.stamp(1);
  }

  stamp(stampMs: number, granted = 0): void {
    this.beacon.hear({ shard: 's1', store: this.#store, stampMs, granted });
  }

  get lastBeacon(): BeaconResponse | undefined {
    return this.beacon.sent.at(-1);
  }

  /** Grants the lease that the newest beacon asks for. */
  grant(): void {
    this.stamp(1, this.lastBeacon?.number ?? 0);
  }

  acknowledge(durablePosition: number): void {
    const position = { appliedPosition: durablePosition, receivedPosition: durablePosition };
    this.follow.hear({ kind: 'acknowledge', durablePosition, ...position });
  }
}

export interface GroupBedOptions extends Omit<PrimaryBedOptions, 'parts'> {
  readonly others: readonly StoreId[];
  /** Stores that follow from the beginning; all members unless it is said. */
  readonly followers?: readonly StoreId[];
}

export class GroupBed {
  readonly primary: PrimaryBed;
  readonly timers: ManualTimers;
  readonly #followers = new Map<StoreId, ScriptedFollower>();
  readonly proposals: readonly MembershipProposal[];
  /** To whom it was handed over. */
  readonly handedOver: readonly StoreId[];

  /** Its opening entry is safe on the quorum, and its lease is held. */
  static async open(options: GroupBedOptions): Promise<GroupBed> {
    const bed = await GroupBed.begin(options);
    bed.grant();
    bed.acknowledge();
    while (!bed.primary.side.active) await turns(1);
    return bed;
  }

  /** The followers have opened their streams, and said nothing more. */
  static async begin(options: GroupBedOptions): Promise<GroupBed> {
    const timers = new ManualTimers();
    const proposals: MembershipProposal[] = [];
    const handedOver: StoreId[] = [];
    const startMs = Date.UTC(2026, 0, 1) - timers.nowMs;
    const primary = await PrimaryBed.begin({
      ...options,
      configuration: { leaseMs, ...options.configuration },
      parts: {
        timers,
        monotonicMs: () => timers.nowMs,
        wallMs: () => startMs + timers.nowMs,
        onPropose: (proposal) => proposals.push(proposal),
        onHandedOver: (_epoch, to) => handedOver.push(to),
      },
    });
    // The own log is synced up to the opening entry.
    await turns();
    const bed = new GroupBed({ primary, timers, proposals, handedOver });
    for (const store of options.followers ?? options.others) bed.join(store);
    return bed;
  }

  private constructor({
    primary,
    timers,
    proposals,
    handedOver,
  }: Pick<GroupBed, 'primary' | 'timers' | 'proposals' | 'handedOver'>) {
    this.primary = primary;
    this.timers = timers;
    this.proposals = proposals;
    this.handedOver = handedOver;
  }

  /** A store begins to follow, in place of the stream that it may have had. */
  join(store: StoreId, open: Partial<FollowOpen> = {}): ScriptedFollower {
    const follower = new ScriptedFollower(this.primary.side, store, open);
    this.#followers.set(store, follower);
    return follower;
  }

  get last(): number {
    return this.primary.store.lastEntry.position;
  }

  follower(store: StoreId): ScriptedFollower {
    const follower = this.#followers.get(store);
    if (follower === undefined) throw new Error(`${store} is none of the followers`);
    return follower;
  }

  /** All of them grant what the newest beacons ask for. */
  grant(): void {
    for (const follower of this.#followers.values()) follower.grant();
  }

  /** All of them have synced their logs up to there. */
  acknowledge(position = this.last): void {
    for (const follower of this.#followers.values()) follower.acknowledge(position);
  }

  /** Time passes in which no beacon is answered. */
  loseLease(): void {
    this.timers.pass(leaseMs);
  }

  /** Time passes in which all beacons are answered. */
  holdLease(ms: number): void {
    for (let passed = 0; passed < ms; passed += 50) {
      this.timers.pass(50);
      this.grant();
    }
  }

  /** Under the same primary, with other members. */
  configure(change: Partial<Configuration>, fresh = false): void {
    const { side } = this.primary;
    side.onConfiguration({ ...this.primary.configuration, ...change }, fresh);
  }

  async close(): Promise<void> {
    this.primary.side.abandon();
    this.primary.gate.open();
    await this.primary.store.close();
  }
}
