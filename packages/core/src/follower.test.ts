import { expect, test } from 'vitest';
import { Follower } from './follower.ts';
import type { EpochStart, FollowMessage, FollowResponse } from './replication-message.ts';

const from = (message: FollowMessage, visiblePosition = 0, epoch = 2, syncPosition = 0): FollowResponse => ({
  message,
  epoch,
  visiblePosition,
  syncPosition,
});
const entries = (firstPosition: number, count: number): FollowMessage => ({
  kind: 'entries',
  firstPosition,
  bodies: Array.from({ length: count }, () => new Uint8Array(1)),
  checksums: Array.from({ length: count }, () => 0),
});
const epoch = (number: number, firstPosition: number): EpochStart => ({ epoch: number, firstPosition });
const start = (fromPosition: number): FollowMessage => ({ kind: 'start', fromPosition, epochs: [] });
const one: EpochStart = { epoch: 1, firstPosition: 1 };
const follower = (position: number, viewPosition = 0): Follower =>
  new Follower({ lastEntry: { epoch: 2, position }, viewPosition, epoch: 2, epochs: [one, epoch(2, 3)] });
/** The primary's log, which has other entries than the follower. */
const divergedFrom = (lastPosition: number, epochs: readonly EpochStart[]): FollowMessage => ({
  kind: 'snapshot-needed',
  cause: 'diverged',
  lastPosition,
  epochs,
});

test('entries are appended in order and shown up to visible', () => {
  const machine = follower(4);
  expect(machine.onResponse(from(start(5), 4))).toEqual([{ kind: 'show', position: 4 }]);
  const effects = machine.onResponse(from(entries(5, 3), 6));
  expect(effects.map((effect) => effect.kind)).toEqual(['append', 'show']);
  expect(effects[1]).toEqual({ kind: 'show', position: 6 });
  expect(machine.onResponse(from({ kind: 'watermark' }, 9))).toEqual([{ kind: 'show', position: 7 }]);
});

test('a gap ends the stream', () => {
  const machine = follower(4);
  machine.onResponse(from(start(5)));
  expect(machine.onResponse(from(entries(6, 1)))[0]?.kind).toBe('drop');
  expect(machine.onResponse(from(entries(5, 1)))).toEqual([]);
});

test('a primary of an older epoch is dropped', () => {
  expect(follower(4).onResponse(from(start(5), 4, 1))[0]).toMatchObject({ kind: 'drop', refresh: true });
});

test('a log that disagrees above the view is cut, below it the records are taken anew', () => {
  const diverged = divergedFrom(20, [one, epoch(2, 3), epoch(3, 8)]);
  expect(follower(9, 7).onResponse(from(diverged))).toEqual([{ kind: 'cut', after: 7 }]);
  expect(follower(9, 8).onResponse(from(diverged))).toEqual([{ kind: 'take-snapshot', agreed: 7 }]);
  const short: FollowMessage = { kind: 'snapshot-needed', cause: 'log-too-short', lastPosition: 20, epochs: [one] };
  expect(follower(9).onResponse(from(short))).toEqual([{ kind: 'take-snapshot', agreed: undefined }]);
});

test('entries before the first answer are a fault of the primary', () => {
  expect(follower(4).onResponse(from(entries(5, 1)))[0]?.kind).toBe('drop');
});

test('a primary that was replaced is dropped, even when the follower has forgotten the configuration', () => {
  const epochs = [one, epoch(3, 8)];
  const forgetful = new Follower({ lastEntry: { epoch: 3, position: 9 }, viewPosition: 0, epoch: 2, epochs });
  const diverged = divergedFrom(20, [one, epoch(2, 8)]);
  expect(forgetful.onResponse(from(diverged))[0]).toMatchObject({ kind: 'drop', refresh: true });
});

test('when the primary has no entry of the follower’s last epoch, all of that epoch goes', () => {
  const log = { lastEntry: { epoch: 2, position: 50 }, epoch: 2, epochs: [one, epoch(2, 46)] };
  const diverged = divergedFrom(60, [one, epoch(3, 55)]);
  const whole = new Follower({ ...log, viewPosition: 40 });
  expect(whole.onResponse(from(diverged))).toEqual([{ kind: 'cut', after: 45 }]);
  const folded = new Follower({ ...log, viewPosition: 48 });
  expect(folded.onResponse(from(diverged))).toEqual([{ kind: 'take-snapshot', agreed: 45 }]);
});

test('what was written beside the end of an older epoch of the primary is not taken for the primary’s', () => {
  const follower = new Follower({
    lastEntry: { epoch: 5, position: 24 },
    viewPosition: 24,
    epoch: 6,
    epochs: [one, epoch(5, 17)],
  });
  const diverged = divergedFrom(30, [one, epoch(4, 19), epoch(7, 20)]);
  expect(follower.onResponse(from(diverged, 0, 7))).toEqual([{ kind: 'take-snapshot', agreed: 16 }]);
});

test('it syncs up to where a quorum is waited for, once for each position', () => {
  const machine = follower(4);
  machine.onResponse(from(start(5)));
  expect(machine.onResponse(from(entries(5, 2), 0, 2, 6)).map(({ kind }) => kind)).toEqual(['append', 'sync']);
  expect(machine.onResponse(from({ kind: 'watermark' }, 0, 2, 6))).toEqual([]);
});
