import type { ByteString, IndexKind, Position } from '@edis/core';
import { EdisError, indexKindOf } from '@edis/core';
import { damaged } from './damage.ts';
import { checkDerivedRow } from './derived-rows.ts';
import { expiryPrefix, expiryRowsAfter, readExpiryRow } from './expiry-row.ts';
import { indexBoundsOf, indexRowKey, rowsBehind } from './index-bounds.ts';
import { readIndexRow } from './index-row.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import type { View } from './view.ts';
import type { ViewSnapshot } from './view-database.ts';
import type { ExpiringRecord, IndexEntry, IndexRange, ViewReader, ViewRecord } from './view-reader.ts';
import type { ViewState } from './view-state.ts';
import { asBuffer } from './wire.ts';

/** A page of large values ends here: a portion of a database in memory has no bound in bytes. */
const maxPageBytes = 1024 * 1024;

/** Reads a snapshot of the view. All that it hands out is decoded, checked, and in memory of its own. */
export class LevelViewReader implements ViewReader {
  readonly position: Position;
  readonly timestamp: number;
  readonly #view: View;
  readonly #snapshot: ViewSnapshot;
  readonly #keyspaces: ReadonlyMap<number, StoredKeyspace>;
  #closing: Promise<void> | undefined;

  /** @param keyspaces as of the view or later: settings do not change */
  constructor(view: View, keyspaces: ReadonlyMap<number, StoredKeyspace>) {
    this.#view = view;
    this.#snapshot = view.snapshot();
    this.#keyspaces = keyspaces;
    // From the snapshot itself: a batch may have been written whose end nobody has been told of yet.
    const { epoch, position, timestamp } = this.#state();
    this.position = { epoch, position };
    this.timestamp = timestamp;
  }

  async *records(
    keyspace: number,
    from: ByteString,
    to: ByteString,
    keysOnly = false,
    wanted?: number,
  ): AsyncIterable<readonly ViewRecord[]> {
    const { rows } = this.#view;
    const first = rows.keyOf(keyspace, from);
    const end = to === '' ? rowsBehind(rows.keyOf(keyspace, '')) : rows.keyOf(keyspace, to);
    if (first.compare(end) >= 0) return;
    for await (const portion of this.#snapshot.portions(first, end, wanted)) {
      let records: ViewRecord[] = [];
      let bytes = 0;
      for (const [key, value] of portion) {
        records.push(rows.decodeRow(key, value, keysOnly));
        bytes += value.length;
        if (bytes < maxPageBytes) continue;
        yield records;
        records = [];
        bytes = 0;
      }
      if (records.length > 0) yield records;
    }
  }

  async *index(keyspace: number, field: string, range: IndexRange): AsyncIterable<readonly IndexEntry[]> {
    const kind = this.#kindOf(keyspace, field);
    const { from, to, prefixLength } = indexBoundsOf(keyspace, field, kind, range);
    if (from.compare(to) >= 0) return;
    for await (const portion of this.#snapshot.portions(from, to)) {
      const entries: IndexEntry[] = [];
      for (const [key, value] of portion) {
        const entry = checkDerivedRow(key, value)
          ? readIndexRow(asBuffer(key), asBuffer(value), prefixLength, kind)
          : undefined;
        if (entry === undefined) throw this.#damaged(`a row of the index of field ${JSON.stringify(field)}`);
        entries.push(entry);
      }
      yield entries;
    }
  }

  async hasIndexEntry(
    keyspace: number,
    field: string,
    value: string,
    keys: readonly ByteString[],
  ): Promise<readonly boolean[]> {
    const keyOf = indexRowKey(keyspace, field, this.#kindOf(keyspace, field), value);
    const keyRows = keys.map(keyOf);
    const found = await this.#snapshot.getMany(keyRows);
    return keyRows.map((keyRow, index) => {
      const row = found[index];
      if (row === undefined) return false;
      if (!checkDerivedRow(keyRow, row)) throw this.#damaged(`a row of the index of field ${JSON.stringify(field)}`);
      return true;
    });
  }

  async getRecords(keyspace: number, keys: readonly ByteString[]): Promise<readonly (ViewRecord | undefined)[]> {
    const { rows } = this.#view;
    const keyRows = keys.map((key) => rows.keyOf(keyspace, key));
    const found = await this.#snapshot.getMany(keyRows);
    return keyRows.map((keyRow, index) => {
      const row = found[index];
      return row === undefined ? undefined : rows.decodeRow(keyRow, row, false);
    });
  }

  async expiring(untilMs: number, limit: number): Promise<readonly ExpiringRecord[]> {
    const expiring: ExpiringRecord[] = [];
    for await (const portion of this.#snapshot.portions(Buffer.of(expiryPrefix), expiryRowsAfter(untilMs))) {
      for (const [key, value] of portion) {
        if (expiring.length >= limit) return expiring;
        const found = checkDerivedRow(key, value) ? readExpiryRow(asBuffer(key)) : undefined;
        if (found === undefined) throw this.#damaged('a row of the deadlines');
        expiring.push(found);
      }
      if (expiring.length >= limit) return expiring;
    }
    return expiring;
  }

  close(): Promise<void> {
    this.#closing ??= this.#snapshot.close();
    return this.#closing;
  }

  #state(): ViewState {
    try {
      return this.#view.stateOf(this.#snapshot);
    } catch (caught) {
      // Nobody else could close it.
      this.#snapshot.close().catch(() => {});
      throw caught;
    }
  }

  #kindOf(keyspace: number, field: string): IndexKind {
    const settings = this.#keyspaces.get(keyspace)?.settings;
    const kind = settings === undefined ? undefined : indexKindOf(settings, field);
    if (kind !== undefined) return kind;
    throw new EdisError('invalid-argument', `field ${JSON.stringify(field)} is not indexed in keyspace ${keyspace}`);
  }

  #damaged(what: string): EdisError {
    return damaged(`${what} in ${this.#view.path} fails its check`);
  }
}
