import type { EpochStart, Position } from '@edis/core';
import { keyspacePrefix } from './keyspace-row.ts';
import { recordPrefix } from './record-row.ts';
import { keyspacePages } from './view.ts';
import type { ViewRow, ViewSnapshot } from './view-database.ts';
import type { ViewState } from './view-state.ts';

/** What a snapshot is: the same as the wire's SnapshotStart. */
export interface SnapshotStart {
  /** The last entry that it contains. */
  readonly position: Position;
  /** The shard's clock at that entry. */
  readonly timestamp: number;
  readonly epochs: readonly EpochStart[];
  readonly recordCount: number;
  /** 16 hex digits. */
  readonly contentHash: string;
}

export interface SnapshotRows {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly Uint8Array[];
}

/** Rows of one page: well below a message, and little for a sender to hold. */
const pageBytesMax = 1024 * 1024;

/**
 * The view as it was at one moment: keyspaces, records, what follows from them, and remembered operation ids. Pins
 * the log behind it until it is closed.
 */
export class SnapshotSource {
  readonly start: SnapshotStart;
  readonly #snapshot: ViewSnapshot;
  readonly #onClosed: () => void;
  #closed = false;

  constructor(state: ViewState, snapshot: ViewSnapshot, onClosed: () => void) {
    this.start = {
      position: { epoch: state.epoch, position: state.position },
      timestamp: state.timestamp,
      epochs: state.epochs,
      recordCount: state.recordCount,
      contentHash: state.contentHash,
    };
    this.#snapshot = snapshot;
    this.#onClosed = onClosed;
  }

  /** The rows, read as they are asked for. */
  async *pages(): AsyncIterableIterator<SnapshotRows> {
    // By the settings of the keyspaces, the receiver knows which rows follow from a record.
    for await (const page of keyspacePages(this.#snapshot)) yield rowsOf(page);
    const to = Buffer.of(keyspacePrefix);
    for await (const page of this.#snapshot.pages(Buffer.of(recordPrefix), to, pageBytesMax)) yield rowsOf(page);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot.close();
    this.#onClosed();
  }
}

function rowsOf(page: readonly ViewRow[]): SnapshotRows {
  return { keys: page.map((row) => row.key), values: page.map((row) => row.value) };
}
