import type { EdisError } from '@edis/core';
import type { Applier } from './applier.ts';
import type { ChangeLog } from './change-log.ts';
import type { DataDirectory } from './data-directory.ts';
import type { LogRetention } from './log-retention.ts';
import type { SnapshotTakeover } from './snapshot-takeover.ts';
import type { DirectoryLock } from './store-environment.ts';

export interface ClosingParts {
  readonly applier: Applier;
  readonly retention: LogRetention;
  readonly log: ChangeLog;
  readonly takeover: SnapshotTakeover;
  readonly directory: DataDirectory;
  readonly lock: DirectoryLock;
}

/** Closes what a store has open, in the order in which it depends on each other. @param failed it is out of service */
export async function closeParts(parts: ClosingParts, reason: EdisError, failed: boolean): Promise<void> {
  // What fails while a store closes that has failed already says nothing new.
  const ignore = (caught: unknown): void => {
    if (!failed) throw caught;
  };
  await parts.applier.stop(reason);
  await parts.retention.stop();
  await parts.log.close().catch(ignore);
  await parts.takeover.abort().catch(ignore);
  await parts.applier.view.close().catch(ignore);
  // Who takes the lock next writes the same file.
  await parts.directory.idle();
  await parts.lock.release();
}
