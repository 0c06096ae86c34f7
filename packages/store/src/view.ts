import type { ByteString, EdisError, RememberedClient } from '@edis/core';
import { clientPrefix, decodeClientRow } from './client-row.ts';
import { damaged } from './damage.ts';
import type { Digest } from './record-row.ts';
import { RecordRows } from './record-row.ts';
import type { StoredRecord } from './stored-record.ts';
import type { ViewBatch, ViewDatabase, ViewSnapshot } from './view-database.ts';
import type { ViewState } from './view-state.ts';
import { decodeViewState, emptyViewState, stateRowKey } from './view-state.ts';

/** The rows of the view with their meaning: records, remembered clients, and where the view stands. */
const scanPageBytes = 1024 * 1024;

export class View {
  readonly path: string;
  readonly rows: RecordRows;
  readonly #database: ViewDatabase;

  constructor(path: string, database: ViewDatabase) {
    this.path = path;
    this.rows = new RecordRows(path);
    this.#database = database;
  }

  /** EdisError 'damaged' when the record's check fails. */
  get(keyspace: number, key: ByteString): StoredRecord | undefined {
    const keyRow = this.rows.scratchKeyOf(keyspace, key);
    const valueRow = this.#database.get(keyRow);
    return valueRow === undefined ? undefined : this.rows.decode(keyRow, valueRow);
  }

  /** Digests of the records with these row keys. */
  async digests(keyRows: Buffer[]): Promise<(Digest | undefined)[]> {
    const values = await this.#database.getMany(keyRows);
    return values.map((value, index) => {
      const keyRow = keyRows[index];
      if (value === undefined || keyRow === undefined) return undefined;
      const { size, highLane, lowLane } = this.rows.digest(keyRow, value);
      return { size, highLane, lowLane };
    });
  }

  batch(): ViewBatch {
    return this.#database.batch();
  }

  snapshot(): ViewSnapshot {
    return this.#database.snapshot();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Where the view stands; an empty state for a new one. */
  loadState(): ViewState {
    const row = this.#database.get(stateRowKey);
    if (row === undefined) return emptyViewState;
    const state = decodeViewState(row);
    if (state === undefined) throw this.#damaged('its state row');
    return state;
  }

  async loadClients(): Promise<RememberedClient[]> {
    const clients: RememberedClient[] = [];
    const snapshot = this.#database.snapshot();
    try {
      const pages = snapshot.pages(Buffer.of(clientPrefix), Buffer.of(clientPrefix + 1), scanPageBytes);
      for await (const page of pages) {
        for (const { key, value } of page) {
          const client = decodeClientRow(key, value);
          if (client === undefined) throw this.#damaged('a row of operation ids');
          clients.push(client);
        }
      }
    } finally {
      await snapshot.close();
    }
    return clients;
  }

  #damaged(what: string): EdisError {
    return damaged(`${what} in ${this.path} fails its check`);
  }
}
