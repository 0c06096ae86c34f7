import type { OperationIds } from '@edis/core';
import { EdisError } from '@edis/core';
import type { Applier } from './applier.ts';
import type { ChangeLog } from './change-log.ts';
import type { DataDirectory } from './data-directory.ts';
import type { KeyspaceTable } from './keyspace-table.ts';
import type { LogRetention } from './log-retention.ts';
import type { Entry } from './logged-operation.ts';
import type { Overlay } from './overlay.ts';
import type { RecordCache } from './record-cache.ts';
import { SnapshotInstall } from './snapshot-install.ts';
import type { SnapshotStart } from './snapshot-source.ts';
import type { StoreEnvironment } from './store-environment.ts';
import { cutLogBehind, openReplacement } from './store-parts.ts';
import type { ViewState } from './view-state.ts';

export interface SnapshotTakeoverParts {
  readonly environment: StoreEnvironment;
  readonly directory: DataDirectory;
  readonly log: ChangeLog;
  readonly overlay: Overlay;
  readonly cache: RecordCache;
  readonly operationIds: OperationIds;
  readonly keyspaces: KeyspaceTable;
  readonly applier: Applier;
  readonly retention: LogRetention;
  /** Throws when the store is out of service. */
  readonly checkUsable: () => void;
  readonly epochAt: (position: number) => number | undefined;
  /** Of the entries above that position, which are about to be discarded. */
  readonly writeReceipt: (above: number) => Promise<void>;
  /** The log begins anew behind this state. */
  readonly onReset: (state: ViewState) => void;
  /** … and goes on with this entry, which it had before. */
  readonly onKept: (entry: Entry, body: Uint8Array) => void;
  readonly onFailed: (error: EdisError) => void;
}

/**
 * Takes in another member's snapshot, and puts it in the place of log and view once it is whole.
 *
 * Guarantees: the old state serves until then; the rename is the moment at which the new one holds, so that a takeover
 * which breaks off behind it is completed by the next start, not by this process.
 *
 * The snapshot may end before what both logs have in common: a primary that waits for this member's acknowledgement
 * shows no more. Then the own log goes on behind it, and nothing that was acknowledged is gone for a moment.
 */
export class SnapshotTakeover {
  readonly #parts: SnapshotTakeoverParts;
  #install: SnapshotInstall | undefined;
  #running = false;

  constructor(parts: SnapshotTakeoverParts) {
    this.#parts = parts;
  }

  /** There is no view to read. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** Gives up what came before. */
  async begin(start: SnapshotStart, agreed: number | undefined): Promise<SnapshotInstall> {
    const { environment, directory, log, retention, checkUsable, epochAt } = this.#parts;
    checkUsable();
    await this.abort();
    const { position, epoch } = start.position;
    const keepLogUpTo = agreed ?? 0;
    if (keepLogUpTo > position && log.firstPosition > position + 1) {
      throw new EdisError('unreachable', `the snapshot ends at ${position}, this log begins at ${log.firstPosition}`);
    }
    // Behind the wrong entry it would be a log that no start could read: that is found out before anything is done.
    if (keepLogUpTo > position && (epochAt(position) ?? 0) !== epoch) {
      throw new EdisError('unreachable', `the snapshot ends with entry ${epoch}:${position}, which this log has not`);
    }
    const pin = retention.pin(position);
    const onEnded = (): void => {
      this.#install = undefined;
      retention.unpin(pin);
    };
    const { nextViewPath: nextPath, readyViewPath: readyPath } = directory;
    const takeOver = (state: ViewState): Promise<void> => this.#takeOver(state, agreed);
    const target = { views: environment.views, nextPath, readyPath, keepLogUpTo, takeOver, onEnded };
    try {
      this.#install = await SnapshotInstall.begin(target, start);
    } catch (caught) {
      retention.unpin(pin);
      throw caught;
    }
    return this.#install;
  }

  async abort(): Promise<void> {
    await this.#install?.abort();
  }

  #takeOver(state: ViewState, agreed: number | undefined): Promise<void> {
    const { applier, checkUsable, onFailed, writeReceipt } = this.#parts;
    return applier.exclusive(async () => {
      checkUsable();
      try {
        if (agreed !== undefined) await writeReceipt(agreed);
        await this.#replaceAll(state);
      } catch (caught) {
        const error = EdisError.from(caught, 'disk');
        onFailed(error);
        throw error;
      }
    });
  }

  async #replaceAll(state: ViewState): Promise<void> {
    const { environment, directory, log, overlay, cache, operationIds, keyspaces, applier } = this.#parts;
    await environment.views.rename(directory.nextViewPath, directory.readyViewPath);
    this.#running = true;
    const kept = await cutLogBehind(log, state);
    await applier.view.close();
    const { view, clients, keyspaceRows } = await openReplacement(environment, directory);
    overlay.clear();
    cache.clear();
    operationIds.restore(clients);
    this.#parts.onReset(state);
    keyspaces.reset(keyspaceRows);
    applier.replaceView(view, state, keyspaceRows);
    for (const { entry, body } of kept) this.#parts.onKept(entry, body);
    this.#running = false;
  }
}
