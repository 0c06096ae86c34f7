import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Store } from './store.ts';
import { deleteOf, entryOf, FakeWorld, numbersFrom, putOf } from './testing.ts';

/** Random histories with crashes at random moments, judged by a plain list of what was appended. */

interface Write {
  readonly key: string;
  readonly value: string | undefined;
  readonly version: number;
}

const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);

type Step =
  | { readonly kind: 'append'; readonly writes: readonly { readonly key: number; readonly value: number }[] }
  | { readonly kind: 'show' | 'sync' | 'flush' | 'turns' | 'timers' | 'kill' | 'crash' | 'tear' | 'snapshot' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      writes: fc.array(fc.record({ key: fc.nat(11), value: fc.nat(40) }), { maxLength: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('show' as const, 'sync' as const, 'turns' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'flush' as const,
        'timers' as const,
        'kill' as const,
        'crash' as const,
        'tear' as const,
        'snapshot' as const,
      ),
    }),
  },
);

const settings = {
  segmentBytes: 700,
  overlayBytesMax: 8000,
  retentionBytes: 1500,
  retentionBytesMax: 3000,
  cacheBytes: 3000,
};

class History {
  readonly world: FakeWorld;
  store: Store;
  /** Writes by position; index 0 is unused. */
  entries: Write[][] = [[]];
  /** What a sync has covered. */
  safe = 0;
  shown = 0;

  constructor(world: FakeWorld, store: Store) {
    this.world = world;
    this.store = store;
  }

  append(writes: readonly { readonly key: number; readonly value: number }[]): void {
    const timestamp = this.store.lastTimestamp + 1;
    const model = this.#at(this.entries.length - 1);
    const made: Write[] = [];
    const operations = writes.flatMap(({ key, value }, index) => {
      const name = keys[key] ?? '';
      // A delete is logged only when there is a record.
      if (value < 8 && model.get(name) === undefined) return [putOf(name, 'instead')];
      return value < 8
        ? [deleteOf(name)]
        : [putOf(name, `${value}-${index}`, value > 30 ? { metadata: { v: `${value}` } } : {})];
    });
    for (const [index, { key, kind, value }] of operations.entries()) {
      made.push({ key, value: kind === 'delete' ? undefined : String(value), version: timestamp + index });
    }
    this.store.append(entryOf(this.entries.length, operations, { timestamp }));
    this.entries.push(made);
  }

  /** The records after an entry. */
  #at(position: number): Map<string, Write> {
    const records = new Map<string, Write>();
    for (const writes of this.entries.slice(0, position + 1)) {
      for (const write of writes) {
        if (write.value === undefined) records.delete(write.key);
        else records.set(write.key, write);
      }
    }
    return records;
  }

  check(): void {
    expect(this.store.lastEntry.position).toBe(this.entries.length - 1);
    for (const upTo of ['newest', 'visible'] as const) {
      const records = this.#at(upTo === 'newest' ? this.entries.length - 1 : this.store.visiblePosition);
      for (const key of keys) {
        const { record } = this.store.lookup(1, key, upTo);
        expect([key, upTo, record?.value, record?.version]).toEqual([
          key,
          upTo,
          records.get(key)?.value,
          records.get(key)?.version,
        ]);
      }
    }
    expect(this.store.viewPosition).toBeLessThanOrEqual(
      Math.min(this.store.syncedPosition, this.store.visiblePosition),
    );
    this.safe = Math.max(this.safe, this.store.syncedPosition);
  }

  async checkSums(): Promise<void> {
    const records = this.#at(this.store.viewPosition);
    expect(this.store.recordCount).toBe(records.size);
    const scrub = await this.store.scrub();
    expect(scrub.recordCount).toBe(records.size);
  }

  async reopen(): Promise<void> {
    this.safe = Math.max(this.safe, this.store.syncedPosition);
    this.store = await this.world.open(settings);
    const last = this.store.lastEntry.position;
    expect(last).toBeGreaterThanOrEqual(this.safe);
    this.entries = this.entries.slice(0, last + 1);
    this.safe = last;
  }
}

async function carryOut(history: History, next: Step): Promise<void> {
  switch (next.kind) {
    case 'append':
      return history.append(next.writes);
    case 'show':
      return history.store.setVisible(history.entries.length - 1);
    case 'sync':
      return history.store.requestSync();
    case 'turns':
      for (let count = 0; count < 3; count++) await new Promise<void>((resolve) => setImmediate(resolve));
      return;
    case 'timers':
      return history.world.fireTimers();
    case 'flush':
      await history.store.flush();
      return history.checkSums();
    case 'snapshot': {
      const snapshot = await history.store.openSnapshot();
      expect(snapshot.start.position.position).toBeGreaterThanOrEqual(history.store.visiblePosition);
      return snapshot.close();
    }
    case 'kill':
      await history.world.kill();
      history.safe = history.entries.length - 1;
      return history.reopen();
    case 'crash':
      await history.world.crash();
      return history.reopen();
    case 'tear':
      await history.world.crash({ tear: true });
      return history.reopen();
    default:
      throw new Error('no such step');
  }
}

describe('any history with crashes', () => {
  test('keeps what was synced, shows what was written, and has exact sums', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 120 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.nat(),
        async (steps, random, seed) => {
          const world = new FakeWorld({ random: () => random, changesRandom: numbersFrom(seed) });
          const history = new History(world, await world.open(settings));
          for (const next of steps) {
            await carryOut(history, next);
            history.check();
          }
          history.store.setVisible(history.entries.length - 1);
          await history.store.flush();
          await history.checkSums();
          history.check();
          await history.store.close();
        },
      ),
      { numRuns: 150 },
    );
  });
});
