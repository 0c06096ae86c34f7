import { expect, test } from 'vitest';
import { VisibleWatermark } from './visible-watermark.ts';

const fresh = (): VisibleWatermark => new VisibleWatermark({ visible: 0, last: 0, synced: 0 });

test('a memory entry is visible as soon as it is in the log file', () => {
  const watermark = fresh();
  watermark.onAppended(1, 'memory');
  expect(watermark.visible).toBe(1);
});

test('a disk entry holds back what follows it until it is synced', () => {
  const watermark = fresh();
  watermark.onAppended(1, 'disk');
  watermark.onAppended(2, 'memory');
  expect(watermark.visible).toBe(0);
  expect(watermark.isReached(1)).toBe(false);
  expect(watermark.isReached(2)).toBe(true);
  watermark.onSynced(1);
  expect(watermark.visible).toBe(2);
});

test('nothing inherited counts before the opening entry is safe on a quorum', () => {
  const watermark = new VisibleWatermark({ visible: 3, last: 9, synced: 9 });
  watermark.holdUntil(10);
  watermark.onAppended(10, 'quorum');
  watermark.onSynced(10);
  expect(watermark.visible).toBe(3);
  expect(watermark.isReached(3)).toBe(true);
  expect(watermark.isReached(7)).toBe(false);
  expect(watermark.waitsForQuorum(7)).toBe(true);
  watermark.onQuorum(9);
  expect(watermark.visible).toBe(3);
  watermark.onQuorum(10);
  expect(watermark.visible).toBe(10);
  expect(watermark.isReached(7)).toBe(true);
  expect(watermark.waitsForQuorum(7)).toBe(false);
});

test('a quorum entry holds back what follows it until it is on a quorum, synced or not', () => {
  const watermark = fresh();
  watermark.onAppended(1, 'quorum');
  watermark.onAppended(2, 'disk');
  watermark.onAppended(3, 'memory');
  watermark.onSynced(3);
  expect(watermark.visible).toBe(0);
  expect(watermark.isReached(1)).toBe(false);
  expect(watermark.isReached(2)).toBe(true);
  watermark.onQuorum(1);
  expect(watermark.visible).toBe(3);
});

test('a long run of entries keeps the waiting list short', () => {
  const watermark = fresh();
  for (let position = 1; position <= 10_000; position += 1) {
    watermark.onAppended(position, 'disk');
    if (position % 7 === 0) watermark.onSynced(position - 3);
  }
  watermark.onSynced(10_000);
  expect(watermark.visible).toBe(10_000);
});
