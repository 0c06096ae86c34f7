import { describe, expect, test } from 'vitest';
import { ChangeLog } from './change-log.ts';
import { encodeEntry } from './entry-codec.ts';
import { frameHeaderBytes } from './frame.ts';
import { LogRetention } from './log-retention.ts';
import { MemoryDisk } from './memory-disk.ts';
import { entryOf, putOf } from './sample-entries.ts';
import { nextTurn } from './turnstile.ts';

interface Given {
  readonly viewSynced: number;
  readonly follower?: number;
  readonly losable?: number;
  /** Nobody has said yet what is needed. */
  readonly isUnknown?: true;
  readonly pinned?: number;
  readonly maxBytes?: number;
}

/** Thirty entries in segments of about ten; returns the oldest that remains. */
async function oldestAfter(given: Given): Promise<number> {
  const onSynced = (): void => {};
  const log = await ChangeLog.open(
    { disk: new MemoryDisk(), directory: 'log', segmentBytes: 1500, onSynced, onFailed: onSynced },
    0,
    { onEntry: () => {} },
  );
  for (let position = 1; position <= 30; position++) {
    log.append(position, encodeEntry(entryOf(position, [putOf('k', 'x'.repeat(82))]), frameHeaderBytes));
  }
  log.requestSync();
  await expect.poll(() => log.syncedPosition, { interval: 1 }).toBe(30);
  let viewSyncsWanted = 0;
  const retention = new LogRetention({
    log,
    retentionBytes: 1000,
    retentionBytesMax: given.maxBytes ?? 1_000_000,
    viewSyncedPosition: () => given.viewSynced,
    wantViewSync: () => viewSyncsWanted++,
    onFailed: (caught) => expect.unreachable(String(caught)),
  });
  if (given.pinned !== undefined) retention.pin(given.pinned);
  const { follower = 31, losable = 31 } = given;
  if (given.isUnknown) retention.apply();
  else retention.keepFor({ oldestFollowerPosition: follower, oldestLosablePosition: losable });
  // A removal takes a few turns for each segment.
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  await retention.stop();
  expect(viewSyncsWanted).toBe(1);
  return log.firstPosition;
}

describe('the retention of the log', () => {
  test('removes all that nobody needs but the newest segment', async () => {
    expect(await oldestAfter({ viewSynced: 30 })).toBe(21);
  });

  test('keeps what the view does not have for good', async () => {
    expect(await oldestAfter({ viewSynced: 9 })).toBe(1);
    expect(await oldestAfter({ viewSynced: 10 })).toBe(11);
  });

  test('keeps what a follower needs, up to the cap', async () => {
    expect(await oldestAfter({ viewSynced: 30, follower: 12 })).toBe(11);
    expect(await oldestAfter({ viewSynced: 30, follower: 12, maxBytes: 1000 })).toBe(21);
  });

  test('keeps what no quorum has, whatever the cap', async () => {
    expect(await oldestAfter({ viewSynced: 30, losable: 12, maxBytes: 1000 })).toBe(11);
    expect(await oldestAfter({ viewSynced: 30, losable: 10, maxBytes: 1000 })).toBe(1);
  });

  test('keeps all before it is known what may go, whatever the cap', async () => {
    expect(await oldestAfter({ viewSynced: 30, isUnknown: true, maxBytes: 1000 })).toBe(1);
  });

  test('keeps what follows an open snapshot', async () => {
    expect(await oldestAfter({ viewSynced: 30, pinned: 10 })).toBe(11);
    expect(await oldestAfter({ viewSynced: 30, pinned: 9, maxBytes: 1000 })).toBe(1);
  });
});
