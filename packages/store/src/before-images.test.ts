import { expect, test } from 'vitest';
import { BeforeImages } from './before-images.ts';
import { KeyList } from './key-list.ts';
import { scratchInMemory } from './memory-view.ts';

const from = Uint8Array.of(0);
const to = Uint8Array.of(255);

function open(): BeforeImages {
  return new BeforeImages({ memoryBytesMax: 1_000_000, inMemory: scratchInMemory, onDisk: scratchInMemory });
}

test('what is looked up at once is bounded in bytes, and what is handed out at once in rows', async () => {
  const images = open();
  const keys = new KeyList();
  for (let count = 0; count < 300; count++) keys.add(Buffer.from(`key-${1000 + count}`));
  const row = Buffer.alloc(100_000);
  const parts: number[] = [];
  await images.note(keys, async (part) => {
    parts.push(part.length);
    return part.map(() => row);
  });
  expect(Math.max(...parts)).toBeLessThanOrEqual(16);
  expect(parts.at(-1)).toBeLessThanOrEqual(5);
  let found = 0;
  for (let start: Uint8Array = from; start !== to; ) {
    const { images: portion, covered } = await images.imagesIn(start, to);
    expect(portion.length).toBeLessThanOrEqual(1000);
    found += portion.length;
    start = covered;
  }
  expect(found).toBe(300);
  await images.close();
});

test('the memory of a batch is not held by the one row of it that is kept', async () => {
  const images = open();
  const keys = new KeyList();
  const known = Array.from({ length: 1000 }, (_, index) => Buffer.from(`known-${index}`));
  for (const key of known) keys.add(key);
  await images.note(keys, async (part) => part.map(() => undefined));
  const more = new KeyList();
  for (const key of [...known, Buffer.from('new')]) more.add(key);
  await images.note(more, async (part) => part.map(() => undefined));
  const { images: found } = await images.imagesIn(Buffer.from('n'), to);
  expect(found.map(([key]) => key.buffer.byteLength)).toEqual([expect.any(Number)]);
  expect(found[0]?.[0].buffer.byteLength).toBeLessThanOrEqual(8192);
  await images.close();
});

test('keeping ends when nobody looks at it any more', async () => {
  const images = open();
  const keys = new KeyList();
  for (let count = 0; count < 10_000; count++) keys.add(Buffer.from(`key-${count}`));
  let lookups = 0;
  await images.note(keys, async (part) => {
    lookups++;
    images.stop();
    return part.map(() => undefined);
  });
  expect(lookups).toBe(1);
  await images.close();
});
