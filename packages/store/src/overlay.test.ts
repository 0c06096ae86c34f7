import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEntry } from './entry-codec.ts';
import type { Entry } from './logged-operation.ts';
import type { OverlayEntry } from './overlay.ts';
import { Overlay, writeAfter } from './overlay.ts';
import { deleteOf, entryOf, putOf } from './sample-entries.ts';
import { recordKeyOf } from './stored-record.ts';

const newest = Number.POSITIVE_INFINITY;

function valueAt(overlay: Overlay, key: string, upTo: number): unknown {
  const found = overlay.lookup(key, upTo);
  return found === undefined ? 'ask the view' : found.record?.value;
}

function append(overlay: Overlay, entry: Entry): void {
  overlay.append(entry, encodeEntry(entry, 0));
}

function writesOf(entry: OverlayEntry | undefined): number[] {
  const writes: number[] = [];
  for (let write = entry?.firstWrite ?? 0; writes.length < (entry?.writeCount ?? 0); write = writeAfter(write)) {
    writes.push(write);
  }
  return writes;
}

function dropEntry(overlay: Overlay): void {
  const entry = overlay.entryAt(0);
  for (const write of writesOf(entry)) if (!overlay.isSuperseded(write, entry?.position ?? 0)) overlay.drop(write);
  overlay.shift();
}

describe('the overlay', () => {
  test('shows each reader the newest write that it may see', () => {
    const overlay = new Overlay();
    append(overlay, entryOf(1, [putOf('a', '1')]));
    append(overlay, entryOf(2, [putOf('a', '2'), putOf('a', '2b')]));
    append(overlay, entryOf(3, [deleteOf('a')]));
    expect(valueAt(overlay, 'a', newest)).toBeUndefined();
    expect(overlay.lookup('a', newest)?.position).toBe(3);
    expect(valueAt(overlay, 'a', 2)).toBe('2b');
    expect(valueAt(overlay, 'a', 1)).toBe('1');
    expect(valueAt(overlay, 'a', 0)).toBe('ask the view');
    expect(valueAt(overlay, 'b', newest)).toBe('ask the view');
  });

  test('letting go of an entry leaves what is newer', () => {
    const overlay = new Overlay();
    append(overlay, entryOf(1, [putOf('a', '1'), putOf('b', '1')]));
    append(overlay, entryOf(2, [putOf('a', '2')]));
    dropEntry(overlay);
    expect(valueAt(overlay, 'a', 1)).toBe('ask the view');
    expect(valueAt(overlay, 'a', 2)).toBe('2');
    expect(valueAt(overlay, 'b', newest)).toBe('ask the view');
    dropEntry(overlay);
    expect(valueAt(overlay, 'a', newest)).toBe('ask the view');
    expect([overlay.bytes, overlay.operationCount, overlay.entryCount]).toEqual([0, 0, 0]);
  });

  test('cutting entries brings back what they covered', () => {
    const overlay = new Overlay();
    append(overlay, entryOf(1, [putOf('a', '1')]));
    append(overlay, entryOf(2, [putOf('a', '2'), putOf('a', '3'), putOf('c', '1')]));
    overlay.truncateAfter(1);
    expect(valueAt(overlay, 'a', newest)).toBe('1');
    expect(valueAt(overlay, 'c', newest)).toBe('ask the view');
    expect(overlay.operationCount).toBe(1);
  });

  test('keyspaces do not see each other', () => {
    const overlay = new Overlay();
    append(overlay, entryOf(1, [putOf('a', 'default'), putOf('a', 'other', { keyspace: 7 })]));
    expect(writesOf(overlay.entryAt(0)).map((write) => overlay.read(write).recordKey())).toEqual(['a', '\u0107a']);
    expect(valueAt(overlay, 'a', newest)).toBe('default');
    expect(valueAt(overlay, '\u0107a', newest)).toBe('other');
  });

  test('the bytes that it counts are at least those of the values', () => {
    const overlay = new Overlay();
    append(overlay, entryOf(1, [putOf('a', 'x'.repeat(10_000)), putOf('b', '', { value: new Uint8Array(20_000) })]));
    expect(overlay.bytes).toBeGreaterThan(30_000);
  });

  test('random histories show what a plain list of writes shows', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        // Close to where the numbers of writes begin again.
        const history = new OverlayHistory(new Overlay(7, 0x3fff_ff00));
        for (const taken of steps) history.take(taken);
      }),
      { numRuns: 150 },
    );
  });
});

/** Short and long keys, some that differ only behind what a row holds, and one key in two keyspaces. */
const samples = [
  ...Array.from({ length: 12 }, (_, index) => ({ keyspace: 1, key: `k${index}` })),
  ...Array.from({ length: 4 }, (_, index) => ({ keyspace: 1, key: `${'long'.repeat(8)}${index}` })),
  { keyspace: 1, key: 'exactly-twenty-four-long' },
  { keyspace: 1, key: '\u0000' },
  { keyspace: 1, key: '\u0000\u0000' },
  { keyspace: 7, key: 'k1' },
  { keyspace: 0xffff, key: 'k1' },
];

type Step =
  | { readonly kind: 'append'; readonly writes: readonly { readonly sample: number; readonly deletes: boolean }[] }
  | { readonly kind: 'fold' | 'cut'; readonly entries: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      writes: fc.array(fc.record({ sample: fc.nat(samples.length - 1), deletes: fc.boolean() }), { maxLength: 120 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fold' as const, 'cut' as const), entries: fc.nat(4) }) },
);

class OverlayHistory {
  readonly #overlay: Overlay;
  #writes: { position: number; recordKey: string; value: string | undefined; version: number }[] = [];
  #folded = 0;
  #last = 0;
  #timestamp = 1;

  constructor(overlay: Overlay) {
    this.#overlay = overlay;
  }

  take(taken: Step): void {
    if (taken.kind === 'append') this.#append(taken.writes);
    else if (taken.kind === 'fold') this.#fold(Math.min(this.#last, this.#folded + taken.entries));
    else this.#cut(Math.max(this.#folded, this.#last - taken.entries));
    this.#check();
  }

  #append(writes: readonly { readonly sample: number; readonly deletes: boolean }[]): void {
    const position = ++this.#last;
    const operations = writes.map(({ sample, deletes }, index) => {
      const { keyspace, key } = samples[sample] ?? { keyspace: 1, key: '' };
      const value = `${position}-${index}`;
      const version = this.#timestamp + index;
      this.#writes.push({
        position,
        recordKey: recordKeyOf(keyspace, key),
        value: deletes ? undefined : value,
        version,
      });
      return { ...(deletes ? deleteOf(key) : putOf(key, value)), keyspace };
    });
    append(this.#overlay, entryOf(position, operations, { timestamp: this.#timestamp }));
    this.#timestamp += Math.max(1, writes.length);
  }

  #fold(upTo: number): void {
    const overlay = this.#overlay;
    for (let index = 0; index < upTo - this.#folded; index++) {
      for (const write of writesOf(overlay.entryAt(index))) if (!overlay.isSuperseded(write, upTo)) overlay.drop(write);
    }
    for (let count = upTo - this.#folded; count > 0; count--) overlay.shift();
    this.#folded = upTo;
    this.#writes = this.#writes.filter(({ position }) => position > upTo);
  }

  #cut(after: number): void {
    this.#overlay.truncateAfter(after);
    this.#last = after;
    this.#writes = this.#writes.filter(({ position }) => position <= after);
  }

  #check(): void {
    const overlay = this.#overlay;
    expect([overlay.entryCount, overlay.operationCount]).toEqual([this.#last - this.#folded, this.#writes.length]);
    expect(overlay.bytes === 0).toBe(overlay.entryCount === 0);
    for (const { keyspace, key } of samples) {
      const recordKey = recordKeyOf(keyspace, key);
      for (const upTo of [this.#folded, this.#last - 1, this.#last]) {
        const write = this.#writes.findLast((made) => made.recordKey === recordKey && made.position <= upTo);
        const found = overlay.lookup(recordKey, upTo);
        expect(found?.position).toBe(write?.position);
        expect(found?.record?.value).toBe(write?.value);
        if (write?.value !== undefined) expect(found?.record?.version).toBe(write.version);
      }
    }
  }
}
