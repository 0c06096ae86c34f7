import { EdisError } from '@edis/core';
import { clientPrefix, decodeClientRow } from './client-row.ts';
import { ContentHash } from './content-hash.ts';
import { checkDerivedRow, DerivedRows } from './derived-rows.ts';
import { DerivedSum } from './derived-sum.ts';
import { decodeKeyspaceRow, keyspacePrefix } from './keyspace-row.ts';
import type { Digest } from './record-row.ts';
import { isRecordRow, keyPlaceOfRow } from './record-row.ts';
import type { SnapshotStart } from './snapshot-source.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import { defaultKeyspace } from './stored-keyspace.ts';
import { nextTurn } from './turnstile.ts';
import { View } from './view.ts';
import type { ViewBatch, ViewDatabase, ViewStorage } from './view-database.ts';
import type { ViewState } from './view-state.ts';
import { encodeViewState, stateRowKey } from './view-state.ts';

/**
 * Takes in a snapshot beside the state that is in use.
 *
 * Guarantees: until `finish` has renamed the complete, checked and synced view, a crash or an abort leaves the old
 * state as it was; after that rename a crash leaves the new one, whose remaining steps the next start carries out.
 */
export interface SnapshotTarget {
  readonly views: ViewStorage;
  readonly nextPath: string;
  readonly readyPath: string;
  /** See ViewState. */
  readonly keepLogUpTo: number;
  /** Completes the takeover: the view is at readyPath. */
  takeOver(state: ViewState): Promise<void>;
  onEnded(): void;
}

/** Rows that are written at once. */
const batchBytesMax = 4 * 1024 * 1024;
/** Rows are checked in portions of this many, between which other work gets its turn. */
const rowsPerTurn = 1000;

export class SnapshotInstall {
  readonly #target: SnapshotTarget;
  readonly #start: SnapshotStart;
  readonly #database: ViewDatabase;
  readonly #view: View;
  readonly #hash = new ContentHash();
  readonly #keyspaces = new Map<number, StoredKeyspace>([[defaultKeyspace.id, defaultKeyspace]]);
  readonly #derived = new DerivedSum(new DerivedRows(() => this.#keyspaces));
  /** Records that keyspaces are said to have, less those that have come. */
  readonly #missing = new Map<number, number>();
  #recordCount = 0;
  #recordBytes = 0;
  #batch: ViewBatch | undefined;
  #batchBytes = 0;
  #ended = false;

  private constructor(target: SnapshotTarget, start: SnapshotStart, database: ViewDatabase) {
    this.#target = target;
    this.#start = start;
    this.#database = database;
    this.#view = new View(target.nextPath, database);
  }

  static async begin(target: SnapshotTarget, start: SnapshotStart): Promise<SnapshotInstall> {
    await target.views.remove(target.nextPath);
    return new SnapshotInstall(target, start, await target.views.open(target.nextPath));
  }

  /**
   * Takes rows: those of keyspaces first, the others in any order; one call at a time. EdisError 'protocol' when they
   * are not rows of a view.
   */
  async addPage(keys: readonly Uint8Array[], values: readonly Uint8Array[]): Promise<void> {
    if (this.#ended) throw new EdisError('closed', 'the snapshot is no longer being installed');
    if (keys.length !== values.length) {
      throw new EdisError('protocol', `a page of the snapshot has ${keys.length} keys and ${values.length} values`);
    }
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index];
      const value = values[index];
      if (key === undefined || value === undefined) continue;
      this.#check(key, value);
      this.#batch ??= this.#database.batch();
      this.#batch.put(key, value);
      this.#batchBytes += key.length + value.length;
      if (this.#batchBytes >= batchBytesMax) await this.#write();
      else if (index % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
    }
  }

  #check(key: Uint8Array, value: Uint8Array): void {
    if (isRecordRow(key)) {
      const record = this.#digest(key, value);
      this.#recordCount++;
      this.#recordBytes += record.size;
      this.#hash.add(record.highLane, record.lowLane);
      const { keyspace } = keyPlaceOfRow(key);
      this.#missing.set(keyspace, (this.#missing.get(keyspace) ?? 0) - 1);
      if (record.derives) this.#derived.addRecord(key, value);
    } else if (!this.#checkOther(key, value)) {
      throw new EdisError('protocol', 'a row of the snapshot is damaged, or is none that a snapshot has');
    }
  }

  #checkOther(key: Uint8Array, value: Uint8Array): boolean {
    if (key[0] === clientPrefix) return decodeClientRow(key, value) !== undefined;
    if (key[0] === keyspacePrefix) {
      const row = decodeKeyspaceRow(key, value);
      if (row === undefined) return false;
      if (row.keyspace !== undefined) this.#keyspaces.set(row.id, row.keyspace);
      this.#missing.set(row.id, (this.#missing.get(row.id) ?? 0) + row.recordCount);
      return true;
    }
    if (!checkDerivedRow(key, value)) return false;
    this.#derived.addDerived(key, value);
    return true;
  }

  /** What is wrong with the rows that go with the records; undefined: nothing. */
  #fault(): string | undefined {
    for (const [keyspace, count] of this.#missing) {
      if (count !== 0)
        return `${Math.abs(count)} records of keyspace ${keyspace} are ${count > 0 ? 'missing' : 'too many'}`;
    }
    return this.#derived.agrees ? undefined : 'its indexes are not those of its records';
  }

  #digest(key: Uint8Array, value: Uint8Array): Digest {
    try {
      return this.#view.rows.digest(key, value);
    } catch (caught) {
      throw new EdisError('protocol', 'a record of the snapshot fails its check', { cause: caught });
    }
  }

  async #write(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#batchBytes = 0;
    await batch?.write(false);
  }

  /** All pages have been added: checks the whole, and makes it the store's state. */
  async finish(): Promise<void> {
    if (this.#ended) throw new EdisError('closed', 'the snapshot is no longer being installed');
    const { position, timestamp, epochs, recordCount, contentHash } = this.#start;
    const { keepLogUpTo } = this.#target;
    if (this.#recordCount !== recordCount || this.#hash.toString() !== contentHash) {
      await this.abort();
      throw new EdisError(
        'protocol',
        `the snapshot arrived with ${this.#recordCount} records and content hash ${this.#hash.toString()}, ` +
          `its sender announced ${recordCount} and ${contentHash}`,
      );
    }
    const fault = this.#fault();
    if (fault !== undefined) {
      await this.abort();
      throw new EdisError('protocol', `the snapshot arrived whole, but ${fault}`);
    }
    const state: ViewState = {
      position: position.position,
      epoch: position.epoch,
      timestamp,
      epochs,
      recordCount,
      recordBytes: this.#recordBytes,
      contentHash,
      ...(keepLogUpTo > position.position ? { keepLogUpTo } : {}),
    };
    await this.#write();
    const last = this.#database.batch();
    last.put(stateRowKey, encodeViewState(state));
    await last.write(true);
    this.#ended = true;
    await this.#database.close();
    try {
      await this.#target.takeOver(state);
    } finally {
      this.#target.onEnded();
    }
  }

  /** Gives up; the old state stays. */
  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#batch?.discard();
      await this.#database.close();
      await this.#target.views.remove(this.#target.nextPath);
    } finally {
      this.#target.onEnded();
    }
  }
}
