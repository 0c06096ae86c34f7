import type { ByteString, EdisError, RememberedClient } from '@edis/core';
import { clientPrefix, decodeClientRow } from './client-row.ts';
import { damaged } from './damage.ts';
import type { Derivation } from './derived-rows.ts';
import type { KeyspaceRow } from './keyspace-row.ts';
import { decodeKeyspaceRow, keyspacePrefix } from './keyspace-row.ts';
import type { Digest } from './record-row.ts';
import { derivationOfRow, RecordRows } from './record-row.ts';
import type { StoredRecord } from './stored-record.ts';
import type { ViewBatch, ViewDatabase, ViewRow, ViewSnapshot } from './view-database.ts';
import type { ViewState } from './view-state.ts';
import { decodeViewState, emptyViewState, stateRowKey } from './view-state.ts';

export function keyspacePages(snapshot: ViewSnapshot): AsyncIterable<ViewRow[]> {
  return snapshot.pages(Buffer.of(keyspacePrefix), Buffer.of(keyspacePrefix + 1), scanPageBytes);
}

/** The rows of the view with their meaning: records, remembered clients, and where the view stands. */
const scanPageBytes = 1024 * 1024;

/** A digest with what the record's other rows follow from, if it has any. */
export interface FoundDigest extends Digest {
  readonly before: Derivation | undefined;
}

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
  async digests(keyRows: Buffer[]): Promise<(FoundDigest | undefined)[]> {
    const values = await this.#database.getMany(keyRows);
    return values.map((value, index) => {
      const keyRow = keyRows[index];
      if (value === undefined || keyRow === undefined) return undefined;
      const { size, highLane, lowLane, derives } = this.rows.digest(keyRow, value);
      return { size, highLane, lowLane, derives, before: derives ? derivationOfRow(value) : undefined };
    });
  }

  /** Rows as they are, unchecked. */
  getMany(keyRows: Buffer[]): Promise<(Uint8Array | undefined)[]> {
    return this.#database.getMany(keyRows);
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
    return this.#stateOf(this.#database.get(stateRowKey));
  }

  /** Where a snapshot of it stands. */
  stateOf(snapshot: ViewSnapshot): ViewState {
    return this.#stateOf(snapshot.get(stateRowKey));
  }

  #stateOf(row: Uint8Array | undefined): ViewState {
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

  async loadKeyspaces(): Promise<KeyspaceRow[]> {
    const found: KeyspaceRow[] = [];
    const snapshot = this.#database.snapshot();
    try {
      for await (const page of keyspacePages(snapshot)) {
        for (const { key, value } of page) {
          const row = decodeKeyspaceRow(key, value);
          if (row === undefined) throw this.#damaged('a row of keyspaces');
          found.push(row);
        }
      }
    } finally {
      await snapshot.close();
    }
    return found;
  }

  #damaged(what: string): EdisError {
    return damaged(`${what} in ${this.path} fails its check`);
  }
}
