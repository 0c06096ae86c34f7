import { expect, test } from 'vitest';
import { Staleness } from './staleness.ts';

/** A stamp is sent, by clocks that show the same, and echoed. */
function beacon(staleness: Staleness, stampMs: number, lastPosition: number): void {
  staleness.onStamp(stampMs, stampMs);
  staleness.onBeacon(stampMs, lastPosition);
}

test('a replica that never heard its primary does not claim to be fresh', () => {
  expect(new Staleness().stalenessMs(5, 5)).toBe(Number.MAX_SAFE_INTEGER);
});

test('staleness counts from the stamp of the newest beacon whose position is applied', () => {
  const staleness = new Staleness();
  staleness.onApplied(10);
  beacon(staleness, 100, 10);
  beacon(staleness, 350, 20);
  expect(staleness.stalenessMs(400, 400)).toBe(300);
  staleness.onApplied(19);
  expect(staleness.stalenessMs(400, 400)).toBe(300);
  staleness.onApplied(20);
  expect(staleness.stalenessMs(400, 400)).toBe(50);
});

test('beacons that can not be applied for long never make the answer lower than the truth', () => {
  const staleness = new Staleness();
  for (let beat = 1; beat <= 5000; beat += 1) beacon(staleness, beat * 250, beat);
  staleness.onApplied(2500);
  expect(staleness.stalenessMs(2500 * 250, 2500 * 250)).toBeGreaterThanOrEqual(0);
  expect(staleness.stalenessMs(5000 * 250, 5000 * 250)).toBeGreaterThanOrEqual(2500 * 250);
});

test('a new primary starts the knowledge anew', () => {
  const staleness = new Staleness();
  staleness.onApplied(1);
  beacon(staleness, 100, 1);
  staleness.reset(1);
  expect(staleness.stalenessMs(101, 101)).toBe(Number.MAX_SAFE_INTEGER);
});

test('time that the monotonic clock slept through counts', () => {
  const staleness = new Staleness();
  staleness.onApplied(1);
  staleness.onStamp(100, 1_000_100);
  staleness.onBeacon(100, 1);
  expect(staleness.stalenessMs(150, 1_004_700)).toBe(4600);
  // A wall clock that was set back says nothing.
  expect(staleness.stalenessMs(150, 900_000)).toBe(50);
});

test('a stamp that this replica never sent says nothing', () => {
  const staleness = new Staleness();
  staleness.onBeacon(100, 0);
  expect(staleness.stalenessMs(101, 101)).toBe(Number.MAX_SAFE_INTEGER);
});
