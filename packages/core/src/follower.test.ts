import { expect, test } from 'vitest';
import { Follower } from './follower.ts';
import type { FollowMessage, FollowResponse } from './replication-message.ts';

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
const start = (fromPosition: number): FollowMessage => ({ kind: 'start', fromPosition, epochs: [] });
const follower = (position: number, viewPosition = 0): Follower =>
  new Follower({ lastEntry: { epoch: 2, position }, viewPosition, epoch: 2 });

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
  const diverged: FollowMessage = { kind: 'snapshot-needed', cause: 'diverged', agreedPosition: 7 };
  expect(follower(9, 7).onResponse(from(diverged))).toEqual([{ kind: 'cut', after: 7 }]);
  expect(follower(9, 8).onResponse(from(diverged))).toEqual([{ kind: 'take-snapshot', agreed: 7 }]);
  const short: FollowMessage = { kind: 'snapshot-needed', cause: 'log-too-short', agreedPosition: 0 };
  expect(follower(9).onResponse(from(short))).toEqual([{ kind: 'take-snapshot', agreed: undefined }]);
});

test('entries before the first answer are a fault of the primary', () => {
  expect(follower(4).onResponse(from(entries(5, 1)))[0]?.kind).toBe('drop');
});

test('a primary that was replaced is dropped, even when the follower has forgotten the configuration', () => {
  const forgetful = new Follower({ lastEntry: { epoch: 3, position: 9 }, viewPosition: 0, epoch: 2 });
  const diverged: FollowMessage = { kind: 'snapshot-needed', cause: 'diverged', agreedPosition: 7 };
  expect(forgetful.onResponse(from(diverged))[0]).toMatchObject({ kind: 'drop', refresh: true });
});

test('when the primary has no entry of the follower’s last epoch, all of that epoch is cut', () => {
  const epochs = [
    { epoch: 1, firstPosition: 1 },
    { epoch: 2, firstPosition: 46 },
  ];
  const lastEntry = { epoch: 2, position: 50 };
  const diverged: FollowMessage = { kind: 'snapshot-needed', cause: 'diverged', agreedPosition: 50 };
  const whole = new Follower({ lastEntry, viewPosition: 40, epoch: 2, epochs });
  expect(whole.onResponse(from(diverged))).toEqual([{ kind: 'cut', after: 45 }]);
  const folded = new Follower({ lastEntry, viewPosition: 48, epoch: 2, epochs });
  expect(folded.onResponse(from(diverged))).toEqual([{ kind: 'take-snapshot', agreed: 45 }]);
  // Each round gets on by one at least: a cut that cuts nothing would be asked for without end.
  const blind = new Follower({ lastEntry, viewPosition: 40, epoch: 2 });
  expect(blind.onResponse(from(diverged))).toEqual([{ kind: 'cut', after: 49 }]);
});

test('it syncs up to where a quorum is waited for, once for each position', () => {
  const machine = follower(4);
  machine.onResponse(from(start(5)));
  expect(machine.onResponse(from(entries(5, 2), 0, 2, 6)).map(({ kind }) => kind)).toEqual(['append', 'sync']);
  expect(machine.onResponse(from({ kind: 'watermark' }, 0, 2, 6))).toEqual([]);
});
