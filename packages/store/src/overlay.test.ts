import { describe, expect, test } from 'vitest';
import { Overlay } from './overlay.ts';
import { deleteOf, entryOf, putOf } from './sample-entries.ts';

const newest = Number.POSITIVE_INFINITY;

function valueAt(overlay: Overlay, key: string, upTo: number): unknown {
  const found = overlay.lookup(key, upTo);
  return found === undefined ? 'ask the view' : found.record?.value;
}

function dropEntry(overlay: Overlay): void {
  const entry = overlay.entryAt(0);
  for (const write of entry?.writes ?? []) if (!Overlay.isSuperseded(write, entry?.position ?? 0)) overlay.drop(write);
  overlay.shift();
}

describe('the overlay', () => {
  test('shows each reader the newest write that it may see', () => {
    const overlay = new Overlay();
    overlay.append(entryOf(1, [putOf('a', '1')]));
    overlay.append(entryOf(2, [putOf('a', '2'), putOf('a', '2b')]));
    overlay.append(entryOf(3, [deleteOf('a')]));
    expect(valueAt(overlay, 'a', newest)).toBeUndefined();
    expect(overlay.lookup('a', newest)?.position).toBe(3);
    expect(valueAt(overlay, 'a', 2)).toBe('2b');
    expect(valueAt(overlay, 'a', 1)).toBe('1');
    expect(valueAt(overlay, 'a', 0)).toBe('ask the view');
    expect(valueAt(overlay, 'b', newest)).toBe('ask the view');
  });

  test('letting go of an entry leaves what is newer', () => {
    const overlay = new Overlay();
    overlay.append(entryOf(1, [putOf('a', '1'), putOf('b', '1')]));
    overlay.append(entryOf(2, [putOf('a', '2')]));
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
    overlay.append(entryOf(1, [putOf('a', '1')]));
    overlay.append(entryOf(2, [putOf('a', '2'), putOf('a', '3'), putOf('c', '1')]));
    overlay.truncateAfter(1);
    expect(valueAt(overlay, 'a', newest)).toBe('1');
    expect(valueAt(overlay, 'c', newest)).toBe('ask the view');
    expect(overlay.operationCount).toBe(1);
  });

  test('keyspaces do not see each other', () => {
    const overlay = new Overlay();
    overlay.append(entryOf(1, [putOf('a', 'default'), putOf('a', 'other', { keyspace: 7 })]));
    expect(overlay.entryAt(0)?.writes.map((write) => write.recordKey)).toEqual(['a', '\u0107a']);
    expect(valueAt(overlay, 'a', newest)).toBe('default');
    expect(valueAt(overlay, '\u0107a', newest)).toBe('other');
  });

  test('the bytes that it counts are at least those of the values', () => {
    const overlay = new Overlay();
    overlay.append(entryOf(1, [putOf('a', 'x'.repeat(10_000)), putOf('b', '', { value: new Uint8Array(20_000) })]));
    expect(overlay.bytes).toBeGreaterThan(30_000);
  });
});
