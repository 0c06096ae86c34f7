import type { EpochStart, Position } from '@edis/core';
import { clientPrefix } from './client-row.ts';
import { recordPrefix } from './record-row.ts';
import type { ViewSnapshot } from './view-database.ts';
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
 * The view as it was at one moment: records and remembered operation ids. Pins the log behind it until it is
 * closed.
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
    const to = Buffer.of(clientPrefix + 1);
    for await (const page of this.#snapshot.pages(Buffer.of(recordPrefix), to, pageBytesMax)) {
      yield { keys: page.map((row) => row.key), values: page.map((row) => row.value) };
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot.close();
    this.#onClosed();
  }
}
