import type { OperationIds } from '@edis/core';
import { EdisError } from '@edis/core';
import type { Applier } from './applier.ts';
import type { ChangeLog } from './change-log.ts';
import type { DataDirectory } from './data-directory.ts';
import type { KeyspaceTable } from './keyspace-table.ts';
import type { Overlay } from './overlay.ts';
import type { RecordCache } from './record-cache.ts';
import { SnapshotInstall } from './snapshot-install.ts';
import type { SnapshotStart } from './snapshot-source.ts';
import type { StoreEnvironment } from './store-environment.ts';
import { openReplacement } from './store-parts.ts';
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
  /** Throws when the store is out of service. */
  readonly checkUsable: () => void;
  /** The log begins anew behind this state. */
  readonly onReset: (state: ViewState) => void;
  readonly onFailed: (error: EdisError) => void;
}

/**
 * Takes in another member's snapshot, and puts it in the place of log and view once it is whole.
 *
 * Guarantees: the old state serves until then; the rename is the moment at which the new one holds, so that a takeover
 * which breaks off behind it is completed by the next start, not by this process.
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
  async begin(start: SnapshotStart): Promise<SnapshotInstall> {
    const { environment, directory, checkUsable } = this.#parts;
    checkUsable();
    await this.abort();
    this.#install = await SnapshotInstall.begin(
      {
        views: environment.views,
        nextPath: directory.nextViewPath,
        readyPath: directory.readyViewPath,
        takeOver: (state) => this.#takeOver(state),
        onEnded: () => {
          this.#install = undefined;
        },
      },
      start,
    );
    return this.#install;
  }

  async abort(): Promise<void> {
    await this.#install?.abort();
  }

  #takeOver(state: ViewState): Promise<void> {
    const { applier, checkUsable, onFailed } = this.#parts;
    return applier.exclusive(async () => {
      checkUsable();
      try {
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
    await log.reset(state.position);
    await applier.view.close();
    const { view, clients, keyspaceRows } = await openReplacement(environment, directory);
    overlay.clear();
    cache.clear();
    operationIds.restore(clients);
    this.#parts.onReset(state);
    keyspaces.reset(keyspaceRows);
    applier.replaceView(view, state, keyspaceRows);
    this.#running = false;
  }
}
