import type { Ack, Outcome } from '@edis/core';
import { limits } from '@edis/core';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { GroupBedOptions } from './group-fixture.ts';
import { GroupBed } from './group-fixture.ts';
import { atomic, batchOf, clientId, del, get, increment, put, RecordingSink, turns } from './primary-fixture.ts';
import { Reader } from './reader.ts';
import type { ResultSink } from './result-sink.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(others: readonly string[], options: Omit<GroupBedOptions, 'others'> = {}): Promise<GroupBed> {
  const bed = await GroupBed.open({ others, ...options });
  closers.push(() => bed.close());
  return bed;
}

/** Hands it in, and lets the turn and the primary's own sync come to their end. */
async function write(bed: GroupBed, ...operations: Parameters<GroupBed['primary']['write']>[0][]): Promise<number[]> {
  const requests = operations.map((operation) => bed.primary.write(operation));
  await turns();
  return requests;
}

function outcomes(bed: GroupBed, requests: readonly number[]): (Outcome['kind'] | undefined)[] {
  return requests.map((request) => bed.primary.sink.of(request)?.kind);
}

const quorum = { ack: 'quorum' } as const;
const disk = { ack: 'disk' } as const;

describe('a write that waits for no quorum', () => {
  test('costs a follower its entry and the news of its sync, and no sync there', async () => {
    const bed = await open(['f1']);
    const { sent } = bed.follower('f1').follow;
    const before = sent.length;
    const asked = sent.at(-1)?.syncPosition;
    bed.primary.gate.close();
    await write(bed, put('a', '1', disk));
    expect(sent.slice(before).map(({ message }) => message.kind)).toEqual(['entries']);
    bed.primary.gate.open();
    await turns();
    await write(bed, put('a', '2'));
    expect(sent.slice(before).map(({ message }) => message.kind)).toEqual(['entries', 'watermark', 'entries']);
    expect(sent.at(-1)).toMatchObject({ visiblePosition: bed.last, syncPosition: asked });
  });
});

describe('a quorum write', () => {
  test('is acknowledged when the acknowledgement of a follower covers it, and not before', async () => {
    const bed = await open(['f1']);
    const requests = await write(bed, put('a', '1', quorum));
    expect(bed.primary.store.syncedPosition).toBe(bed.last);
    // The follower is asked for it, and what is not safe is shown to nobody.
    expect(bed.follower('f1').follow.sent.at(-1)).toMatchObject({ syncPosition: bed.last });
    expect(bed.primary.store.visiblePosition).toBe(bed.last - 1);
    bed.acknowledge(bed.last - 1);
    expect(outcomes(bed, requests)).toEqual([undefined]);
    bed.acknowledge();
    expect(outcomes(bed, requests)).toEqual(['put']);
    expect(bed.primary.store.visiblePosition).toBe(bed.last);
  });

  test('of three members needs any two, be the primary among them or not', async () => {
    const bed = await open(['f1', 'f2']);
    const first = await write(bed, put('a', '1', quorum));
    bed.follower('f2').acknowledge(bed.last);
    expect(outcomes(bed, first)).toEqual(['put']);
    bed.primary.gate.close();
    const second = await write(bed, put('a', '2', quorum));
    bed.follower('f1').acknowledge(bed.last);
    expect(outcomes(bed, second)).toEqual([undefined]);
    bed.follower('f2').acknowledge(bed.last);
    expect(outcomes(bed, second)).toEqual(['put']);
    expect(bed.primary.store.syncedPosition).toBeLessThan(bed.last);
  });

  test('is not helped by a follower that is no member', async () => {
    const bed = await open(['f1'], { followers: ['f1', 'learner'] });
    const requests = await write(bed, put('a', '1', quorum));
    bed.follower('learner').acknowledge(bed.last);
    expect(outcomes(bed, requests)).toEqual([undefined]);
    bed.follower('f1').acknowledge(bed.last);
    expect(outcomes(bed, requests)).toEqual(['put']);
  });

  test('holds up no write in its own entry that asks for less', async () => {
    const bed = await open(['f1']);
    bed.primary.gate.close();
    const before = bed.last;
    const requests = await write(bed, put('a', '1', quorum), put('b', '1', disk), put('c', '1'));
    expect(bed.last).toBe(before + 1);
    expect(outcomes(bed, requests)).toEqual([undefined, undefined, 'put']);
    bed.primary.gate.open();
    await turns();
    expect(outcomes(bed, requests)).toEqual([undefined, 'put', 'put']);
    bed.acknowledge();
    expect(outcomes(bed, requests)).toEqual(['put', 'put', 'put']);
  });

  test('holds up what goes on from it in its own entry', async () => {
    const bed = await open(['f1']);
    const before = bed.last;
    const requests = await write(
      bed,
      increment('a', 1n, quorum),
      increment('a', 1n, disk),
      increment('a'),
      increment('b', 1n, disk),
      increment('b'),
    );
    expect(bed.last).toBe(before + 1);
    const own = ['incremented', 'incremented'];
    expect(outcomes(bed, requests)).toEqual([undefined, undefined, undefined, ...own]);
    bed.acknowledge();
    expect(outcomes(bed, requests)).toEqual(['incremented', 'incremented', 'incremented', ...own]);
  });

  test('that is lost with its quorum takes no disk write of its entry with it', async () => {
    const bed = await open(['f1']);
    bed.primary.gate.close();
    const requests = await write(bed, put('a', '1', quorum), put('b', '1', disk));
    bed.configure({ epoch: 2, members: ['store-1'], quorum: 1 });
    expect(outcomes(bed, requests)).toEqual(['unavailable', undefined]);
    bed.primary.gate.open();
    await turns();
    expect(outcomes(bed, requests)).toEqual(['unavailable', 'put']);
  });

  test('does not hold up a disk write of another entry', async () => {
    const bed = await open(['f1']);
    const unsafe = await write(bed, put('a', '1', quorum));
    expect(outcomes(bed, await write(bed, put('b', '1', disk)))).toEqual(['put']);
    expect(outcomes(bed, unsafe)).toEqual([undefined]);
  });
});

describe('who looked at a quorum write that is not safe waits for it', () => {
  test.each<Ack>(['memory', 'disk', 'quorum'])('a %s write, also one whose condition fails', async (ack) => {
    const bed = await open(['f1']);
    await write(bed, put('a', '1', quorum), put('b', '1', quorum));
    const looked = await write(bed, increment('a', 1n, { ack }), put('b', '2', { ack, condition: { kind: 'absent' } }));
    const last = bed.last;
    const unrelated = await write(bed, put('c', '1', disk));
    expect(outcomes(bed, [...looked, ...unrelated])).toEqual([undefined, undefined, 'put']);
    bed.acknowledge(last);
    expect(outcomes(bed, looked)).toEqual(['incremented', 'condition-failed']);
  });

  test.each<Ack>(['memory', 'disk'])('an atomic %s batch, whatever else it looked at', async (ack) => {
    const bed = await open(['f1']);
    await write(bed, put('a', '1', quorum), put('c', '1', quorum));
    bed.primary.gate.close();
    await write(bed, put('b', '1', disk), put('d', '1', disk));
    const absent = { kind: 'absent' } as const;
    const looked = await write(
      bed,
      atomic([increment('a'), increment('b')], { ack }),
      atomic([put('c', '2', { condition: absent }), put('d', '2', { condition: absent })], { ack }),
    );
    bed.primary.gate.open();
    await turns();
    bed.timers.pass(50);
    expect(outcomes(bed, looked)).toEqual([undefined, undefined]);
    bed.acknowledge();
    expect(outcomes(bed, looked)).toEqual(['atomic', 'atomic']);
  });

  test.each<Ack>(['memory', 'disk'])('a repeated %s write', async (ack) => {
    const bed = await open(['f1']);
    await write(bed, put('a', '1', quorum));
    const operation = increment('a', 1n, { ack, sequence: 5 });
    const original = bed.primary.write(operation, { client: clientId });
    await turns();
    const again = { ...operation, firstSentTimestamp: bed.primary.side.timestamp };
    const repeated = bed.primary.write(again, { client: clientId });
    await turns();
    bed.timers.pass(50);
    expect(bed.primary.counters.repeated).toBe(1);
    expect(outcomes(bed, [original, repeated])).toEqual([undefined, undefined]);
    bed.acknowledge();
    expect(outcomes(bed, [original, repeated])).toEqual(['incremented', 'incremented']);
  });

  test('a read, also of a record that is gone', async () => {
    const bed = await open(['f1']);
    await write(bed, put('gone', '1'), put('kept', '1'));
    await write(bed, put('a', '1', quorum), del('gone', quorum));
    const { store, side, counters } = bed.primary;
    const now = { sessionWaitMs: 0, timers: bed.timers, monotonicMs: () => 0, wallMs: () => 0, onDamaged: () => {} };
    const reader = new Reader({ store, role: side, counters, ...now });
    const ask = (key: string): RecordingSink => {
      const sink = new RecordingSink();
      reader.read(get(key), sink);
      sink.flush();
      return sink;
    };
    const sinks = ['a', 'gone', 'kept'].map(ask);
    expect(sinks.map((sink) => sink.kinds())).toEqual([[], [], ['found']]);
    bed.acknowledge();
    expect(sinks.map((sink) => sink.kinds())).toEqual([['found'], ['not-found'], ['found']]);
  });
});

describe('fewer members than a quorum of the shard as it was meant', () => {
  const alone = { epoch: 2, members: ['store-1'], quorum: 1 };

  test('refuse quorum writes, and take all others', async () => {
    const bed = await open(['f1']);
    bed.configure(alone);
    const before = bed.last;
    const [refused = 0] = await write(bed, put('a', '1', quorum));
    expect(bed.primary.sink.of(refused)).toEqual({ kind: 'no-quorum', members: 1, needed: 2 });
    expect(bed.last).toBe(before);
    expect(outcomes(bed, await write(bed, put('a', '1', disk), put('b', '1')))).toEqual(['put', 'put']);
    bed.configure({ epoch: 3 });
    const taken = await write(bed, put('a', '1', quorum));
    bed.acknowledge();
    expect(outcomes(bed, taken)).toEqual(['put']);
  });

  test('leave the outcome of a quorum write that waits unknown, and of its repetition, too', async () => {
    const bed = await open(['f1']);
    const operation = put('a', '1', { ack: 'quorum', sequence: 5 });
    const waiting = bed.primary.write(operation, { client: clientId });
    await turns();
    bed.configure(alone);
    expect(outcomes(bed, [waiting])).toEqual(['unavailable']);
    const again = { ...operation, firstSentTimestamp: bed.primary.side.timestamp };
    const repeated = bed.primary.write(again, { client: clientId });
    await turns();
    expect(outcomes(bed, [repeated])).toEqual(['unavailable']);
    // Who becomes a member has all that the primary holds.
    bed.acknowledge();
    bed.configure({ epoch: 3 });
    const last = bed.primary.write(again, { client: clientId });
    await turns();
    expect(outcomes(bed, [last])).toEqual(['put']);
  });

  test('are enough for a shard that was never meant to have more', async () => {
    const bed = await open([], { configuration: { configuredSize: 1 } });
    expect(outcomes(bed, await write(bed, put('a', '1', quorum)))).toEqual(['put']);
  });
});

type Step =
  | { readonly kind: 'write'; readonly key: string; readonly ack: Ack; readonly does: 'put' | 'increment' | 'create' }
  | { readonly kind: 'acknowledge'; readonly store: 'f1' | 'f2'; readonly share: number }
  | { readonly kind: 'turn' | 'hold-syncs' | 'let-sync' | 'lose-lease' | 'grant' | 'tick' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      key: fc.constantFrom('a', 'b'),
      ack: fc.constantFrom<Ack>('memory', 'disk', 'quorum'),
      does: fc.constantFrom('put' as const, 'increment' as const, 'create' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      store: fc.constantFrom('f1' as const, 'f2' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('turn' as const, 'hold-syncs', 'let-sync', 'lose-lease', 'grant', 'tick'),
    }),
  },
);

interface Handed {
  readonly key: string;
  readonly ack: Ack;
  readonly looks: boolean;
  outcome: Outcome | undefined;
  /** What held when the outcome left. */
  synced: number;
  safe: number;
  leaseHeld: boolean;
}

/** Writes through a primary of three, and what held at the moment in which each outcome left. */
class SafetyHistory {
  readonly #bed: GroupBed;
  readonly handed: Handed[] = [];
  readonly #acknowledged = { f1: 0, f2: 0 };
  readonly #sink: ResultSink;

  constructor(bed: GroupBed) {
    this.#bed = bed;
    this.#sink = {
      share: { operations: 0 },
      flush: () => {},
      deliver: (request, outcome) => {
        const write = this.handed[request];
        if (write === undefined) throw new Error(`nobody asked for ${request}`);
        const { store, side } = bed.primary;
        const { f1, f2 } = this.#acknowledged;
        write.outcome = outcome;
        write.synced = store.syncedPosition;
        write.safe = [store.syncedPosition, f1, f2].sort((left, right) => right - left)[1] ?? 0;
        write.leaseHeld = side.leaseHeld;
      },
    };
  }

  async take(next: Step): Promise<void> {
    const { gate } = this.#bed.primary;
    if (next.kind === 'write') this.#write(next);
    else if (next.kind === 'acknowledge') this.#acknowledge(next.store, Math.floor(this.#bed.last * next.share));
    else if (next.kind === 'turn') await turns(1);
    else if (next.kind === 'hold-syncs') gate.close();
    else if (next.kind === 'let-sync') gate.open();
    else if (next.kind === 'lose-lease') this.#bed.loseLease();
    else if (next.kind === 'grant') this.#bed.grant();
    else this.#bed.timers.pass(50);
  }

  /** Everything is let through. */
  async end(): Promise<void> {
    this.#bed.primary.gate.open();
    for (let turn = 0; turn < 40 && this.handed.some(({ outcome }) => outcome === undefined); turn += 1) {
      await turns();
      this.#bed.timers.pass(250);
      this.#bed.grant();
      for (const store of ['f1', 'f2'] as const) this.#acknowledge(store, this.#bed.last);
    }
  }

  #write({ key, ack, does }: Extract<Step, { kind: 'write' }>): void {
    const request = this.handed.length;
    const looks = does !== 'put';
    this.handed.push({ key, ack, looks, outcome: undefined, synced: 0, safe: 0, leaseHeld: false });
    const change = { ack, request };
    const create = { ...change, condition: { kind: 'absent' } } as const;
    const operation =
      does === 'increment' ? increment(key, 1n, change) : put(key, '1', does === 'create' ? create : change);
    const origin = { sink: this.#sink, batch: batchOf() };
    const refused = this.#bed.primary.side.writer.enqueue(operation, 0, origin);
    if (refused !== undefined) this.#sink.deliver(request, refused);
  }

  #acknowledge(store: 'f1' | 'f2', position: number): void {
    this.#acknowledged[store] = Math.max(this.#acknowledged[store], position);
    this.#bed.follower(store).acknowledge(position);
  }
}

/** The entry in which it is; 0: it wrote nothing. */
function positionOf({ outcome }: Handed): number {
  return outcome?.kind === 'put' || outcome?.kind === 'incremented' ? outcome.position : 0;
}

function isReached(ack: Ack, position: number, { synced, safe }: Handed): boolean {
  if (ack === 'memory') return true;
  return safe >= position || (ack === 'disk' && synced >= position);
}

describe('in any history', () => {
  test('an outcome leaves under the lease, when the write and what it looked at are safe enough', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const bed = await GroupBed.open({ others: ['f1', 'f2'] });
      const history = new SafetyHistory(bed);
      for (const next of steps) await history.take(next);
      await history.end();
      const newest = new Map<string, Handed>();
      for (const write of history.handed) {
        expect(['put', 'incremented', 'condition-failed']).toContain(write.outcome?.kind);
        expect(write.leaseHeld).toBe(true);
        const position = positionOf(write);
        expect(isReached(write.ack, position, write)).toBe(true);
        const seen = newest.get(write.key);
        if (write.looks && seen !== undefined) expect(isReached(seen.ack, positionOf(seen), write)).toBe(true);
        if (position > 0) newest.set(write.key, write);
      }
      await bed.close();
    });
    await fc.assert(property, { numRuns: 150 });
  });
});

describe('what no quorum has', () => {
  test('stays in the log whatever the cap, and is so much in the end that writes are busy', async () => {
    const bed = await open(['f1'], { store: { segmentBytes: 1000, retentionBytes: 0, retentionBytesMax: 0 } });
    const { primary } = bed;
    const [before, value] = [bed.last, 'x'.repeat(limits.maxValueBytes)];
    for (let index = 0; index < 8; index += 1) {
      expect(outcomes(bed, await write(bed, put(`k${index}`, value, disk)))).toEqual(['put']);
      await primary.store.flush();
    }
    bed.holdLease(100);
    await turns();
    expect(primary.store.firstPosition).toBeLessThanOrEqual(before + 1);
    expect(bed.proposals).toMatchObject([{ change: 'remove', store: 'f1' }]);
    const busy = { kind: 'busy', cause: 'unreplicated' };
    expect(await primary.settle(put('more', '1', disk))).toMatchObject(busy);
    bed.acknowledge(before + 5);
    expect(await primary.settle(put('more', '1', disk))).toMatchObject({ kind: 'put' });
  });
});
