import type { ByteString, EpochTable, OperationIds } from '@edis/core';
import { EdisError } from '@edis/core';
import { clientRowKey, encodeClientRow } from './client-row.ts';
import { ContentHash } from './content-hash.ts';
import type { DigestTable } from './digest-table.ts';
import type { Overlay, OverlayEntry } from './overlay.ts';
import { writeAfter } from './overlay.ts';
import type { RecordCache } from './record-cache.ts';
import type { Digest } from './record-row.ts';
import { keyOf } from './stored-record.ts';
import { nextTurn, Turnstile } from './turnstile.ts';
import type { View } from './view.ts';
import type { ViewBatch } from './view-database.ts';
import type { ViewState } from './view-state.ts';
import { encodeViewState, stateRowKey } from './view-state.ts';

/**
 * Folds entries of the log into the view, in the background.
 *
 * Guarantees: the view never holds anything that is not synced in this member's log and visible in its shard; it
 * moves by atomic batches of whole entries, each with the position that it brings the view to, so that records,
 * sums and remembered operation ids agree at every moment and after every crash. A batch writes each key once,
 * however often it changed. Assumes: nobody else writes the view while it is open; the cache holds nothing that the
 * view does not. Shaped by the event loop: work is cut into short turns, because reads and writes are answered on
 * the same thread. And by the exact sums: each overwritten record must be known, which is the larger part of the
 * cost, so the records of the next turns are fetched while this one's rows are built.
 */
export interface ApplierOptions {
  readonly overlay: Overlay;
  readonly cache: RecordCache;
  readonly digests: DigestTable;
  readonly operationIds: OperationIds;
  readonly epochs: () => EpochTable;
  /** The position up to which entries are synced and visible. */
  readonly bound: () => number;
  /** The position up to which entries are visible: what a sync could raise the bound to. */
  readonly visible: () => number;
  readonly requestSync: () => void;
  readonly onFolded: (position: number) => void;
  readonly onFailed: (error: EdisError) => void;
  /** Folding begins by itself when the overlay holds as much. */
  readonly foldBytes: number;
  /** The view is synced after that many bytes of entries, so that log segments can go. */
  readonly syncEveryBytes: number;
}

/**
 * Limits of one batch. LevelDB's copy of it is freed only when its wrapper is garbage collected, so several are in
 * memory at once; beyond some thousand rows a batch is no faster, unless it saves rows.
 */
const maxBatchWrites = 8192;
const maxBatchBytes = 24 * 1024 * 1024;
/** Rows of a batch that takes in all there is, because most of its writes take another's place. */
const maxHotRows = 32_768;
/** From that many writes a row on it is worth it. */
const hotWritesPerRow = 2;
/** One turn of the event loop: some two milliseconds of building rows. */
const writesPerTurn = 512;
const maxTurnBytes = 1024 * 1024;
/** Turns whose old records are fetched ahead: keeps one thread of the pool busy. */
const turnsAhead = 3;

interface Sums {
  recordCount: number;
  recordBytes: number;
  readonly hash: ContentHash;
}

interface Turn {
  /** Numbers of the overlay's writes. */
  readonly writes: readonly number[];
  readonly previous: Promise<(Digest | undefined)[]>;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #turnstile = new Turnstile();
  #view: View;
  #state: ViewState;
  #sums: Sums;
  #syncedPosition: number;
  #bytesSinceSync = 0;
  #syncWanted = false;
  /** The view is asked to come to here, however little there is to fold. */
  #target = 0;
  #waiters: { readonly position: number; readonly settle: (error: EdisError | undefined) => void }[] = [];
  #running = false;
  #stopped: EdisError | undefined;

  constructor(options: ApplierOptions, view: View, state: ViewState) {
    this.#options = options;
    this.#view = view;
    this.#state = state;
    this.#sums = sumsOf(state);
    // What the view had when it was opened, its database has read back from its files.
    this.#syncedPosition = 0;
  }

  /** Where the view stands. */
  get state(): ViewState {
    return this.#state;
  }

  /** The position that the view has even after a power loss. */
  get syncedPosition(): number {
    return this.#syncedPosition;
  }

  get view(): View {
    return this.#view;
  }

  /** Something has changed that may let it, or make it, fold. Cheap. */
  nudge(): void {
    if (this.#running || this.#stopped !== undefined || !this.#isWanted()) return;
    const bound = this.#options.bound();
    if (bound > this.#state.position || this.#syncWanted) {
      this.#running = true;
      // Never rejects: failures go to onFailed.
      void this.#run();
    } else if (this.#options.visible() > this.#state.position) {
      this.#options.requestSync();
    }
  }

  /** Resolves when the view has passed a position, which must be visible or become so. */
  reach(position: number): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (position <= this.#state.position) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      this.aim(position);
    });
  }

  /** Has the view come to a position by and by. */
  aim(position: number): void {
    this.#target = Math.max(this.#target, position);
    if (Math.min(this.#target, this.#options.visible()) > this.#options.bound()) this.#options.requestSync();
    this.nudge();
  }

  /** Has the view's position synced with its next batch, which is written even if it folds nothing. */
  wantSync(): void {
    if (this.#syncedPosition >= this.#state.position) return;
    this.#syncWanted = true;
    this.nudge();
  }

  /** Makes the view's position outlive a power loss. */
  syncView(): Promise<void> {
    return this.exclusive(() => this.#syncView());
  }

  /** Runs work while no batch is being written. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turnstile.pass(work);
  }

  /** Goes on with another view. Within `exclusive`. */
  replaceView(view: View, state: ViewState): void {
    this.#view = view;
    this.#state = state;
    this.#sums = sumsOf(state);
    this.#syncedPosition = state.position;
    this.#bytesSinceSync = 0;
    this.#options.digests.reset(state.recordCount === 0);
    this.#settleWaiters();
  }

  /** No further batches; resolves when the running one has ended. */
  async stop(reason: EdisError): Promise<void> {
    this.#stopped ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.settle(this.#stopped);
    await this.#turnstile.pass(async () => {});
  }

  #isWanted(): boolean {
    return (
      this.#syncWanted || this.#target > this.#state.position || this.#options.overlay.bytes >= this.#options.foldBytes
    );
  }

  async #run(): Promise<void> {
    try {
      while (this.#stopped === undefined && this.#isWanted()) {
        const folds = this.#options.bound() > this.#state.position;
        if (!folds && !this.#syncWanted) break;
        await this.exclusive(() => (folds ? this.#fold() : this.#syncView()));
      }
    } catch (caught) {
      const error = EdisError.from(caught, 'disk');
      this.#stopped ??= error;
      for (const waiter of this.#waiters.splice(0)) waiter.settle(error);
      this.#options.onFailed(error);
    }
    this.#running = false;
    // What became wanted since the loop looked, and whether only a sync is missing.
    this.nudge();
  }

  async #syncView(): Promise<void> {
    this.#syncWanted = false;
    const state = this.#state;
    if (this.#syncedPosition >= state.position) return;
    const batch = this.#view.batch();
    batch.put(stateRowKey, encodeViewState(state));
    await batch.write(true);
    this.#syncedPosition = state.position;
    this.#bytesSinceSync = 0;
    this.#options.onFolded(state.position);
  }

  /** One batch. */
  async #fold(): Promise<void> {
    const entries = this.#collect(this.#options.bound());
    const newest = entries[entries.length - 1];
    if (newest === undefined || this.#stopped !== undefined) return;
    const turns = planTurns(this.#options.overlay, entries, newest.position);
    // Whether the digests suffice is settled for the whole batch, before anything is fetched for it.
    this.#options.digests.expect(turns.length * writesPerTurn);
    const batch = this.#view.batch();
    const sums: Sums = { ...this.#sums, hash: this.#sums.hash.copy() };
    try {
      await this.#buildRows(turns, batch, sums);
    } catch (caught) {
      await batch.discard();
      throw caught;
    }
    this.#putClients(entries, newest, batch);
    const state = this.#stateAt(newest, sums);
    batch.put(stateRowKey, encodeViewState(state));
    for (const entry of entries) this.#bytesSinceSync += entry.bytes;
    const sync = this.#syncWanted || this.#bytesSinceSync >= this.#options.syncEveryBytes;
    if (sync) this.#syncWanted = false;
    await batch.write(sync);
    this.#state = state;
    this.#sums = sums;
    if (sync) {
      this.#syncedPosition = state.position;
      this.#bytesSinceSync = 0;
    }
    await this.#letGo(entries, turns);
    this.#settleWaiters();
    this.#options.onFolded(state.position);
  }

  /**
   * The entries of the next batch: all, where most writes take another's place, so that a hot key is written once for
   * all its changes; else a portion.
   */
  #collect(bound: number): OverlayEntry[] {
    const { overlay } = this.#options;
    const entries: OverlayEntry[] = [];
    let writes = 0;
    let rows = 0;
    let bytes = 0;
    for (let index = 0; rows <= maxHotRows && bytes <= maxBatchBytes; index++) {
      const entry = overlay.entryAt(index);
      if (entry === undefined || entry.position > bound) {
        return writes >= rows * hotWritesPerRow ? entries : portionOf(entries);
      }
      let write = entry.firstWrite;
      for (let count = entry.writeCount; count > 0; count--, write = writeAfter(write)) {
        if (overlay.isSuperseded(write, bound)) continue;
        rows++;
        bytes += overlay.sizeOf(write);
      }
      writes += entry.writeCount;
      entries.push(entry);
    }
    return portionOf(entries);
  }

  async #buildRows(turns: readonly (readonly number[])[], batch: ViewBatch, sums: Sums): Promise<void> {
    const ahead: Turn[] = [];
    let next = 0;
    const fetch = (): void => {
      const writes = turns[next++];
      if (writes === undefined) return;
      const previous = this.#fetchPrevious(writes);
      // It may fail before its turn has come to await it; the failure is met there.
      previous.catch(() => {});
      ahead.push({ writes, previous });
    };
    for (let count = 0; count < turnsAhead; count++) fetch();
    try {
      for (let turn = ahead.shift(); turn !== undefined; turn = ahead.shift()) {
        const previous = await turn.previous;
        fetch();
        this.#buildTurn(turn.writes, previous, batch, sums);
        await nextTurn();
      }
    } finally {
      await Promise.allSettled(ahead.map((turn) => turn.previous));
    }
  }

  /** The records that these writes replace, as far as neither the digests nor the cache know them. */
  async #fetchPrevious(writes: readonly number[]): Promise<(Digest | undefined)[]> {
    const { cache, digests, overlay } = this.#options;
    const previous: (Digest | undefined)[] = [];
    if (digests.complete) return previous;
    const missing: number[] = [];
    const keyRows: Buffer[] = [];
    for (let index = 0; index < writes.length; index++) {
      const write = writes[index];
      if (write === undefined) continue;
      const record = overlay.read(write);
      const recordKey = record.recordKey();
      if (digests.find(recordKey)) {
        // Copied: it may leave the table before its turn comes.
        previous[index] = { size: digests.size, highLane: digests.highLane, lowLane: digests.lowLane };
        continue;
      }
      const { rows } = this.#view;
      const cached = cache.peek(recordKey);
      const { keyspace } = record;
      const key = keyOf(keyspace, recordKey);
      if (cached === undefined) {
        missing.push(index);
        keyRows.push(rows.keyOf(keyspace, key));
      } else {
        rows.encode(keyspace, key, cached, ignoreRow);
        previous[index] = { size: rows.size, highLane: rows.highLane, lowLane: rows.lowLane };
      }
    }
    if (keyRows.length === 0) return previous;
    const found = await this.#view.digests(keyRows);
    for (let index = 0; index < missing.length; index++) previous[missing[index] ?? 0] = found[index];
    return previous;
  }

  #buildTurn(writes: readonly number[], previous: readonly (Digest | undefined)[], batch: ViewBatch, sums: Sums): void {
    const { rows } = this.#view;
    const { digests, overlay } = this.#options;
    const { complete } = digests;
    const take = (key: Buffer, value: Buffer): void => batch.put(key, value);
    for (let index = 0; index < writes.length; index++) {
      const write = writes[index];
      if (write === undefined) continue;
      const record = overlay.read(write);
      const recordKey = record.recordKey();
      const old = complete ? (digests.find(recordKey) ? digests : undefined) : previous[index];
      if (old !== undefined) {
        sums.recordCount--;
        sums.recordBytes -= old.size;
        sums.hash.subtract(old.highLane, old.lowLane);
      }
      if (overlay.isDelete(write)) {
        const { keyspace } = record;
        if (old !== undefined) batch.delete(rows.scratchKeyOf(keyspace, keyOf(keyspace, recordKey)));
        digests.delete(recordKey);
        continue;
      }
      rows.encodeLogged(record, take);
      digests.set(recordKey, rows.size, rows.highLane, rows.lowLane);
      sums.recordCount++;
      sums.recordBytes += rows.size;
      sums.hash.add(rows.highLane, rows.lowLane);
    }
  }

  #putClients(entries: readonly OverlayEntry[], newest: OverlayEntry, batch: ViewBatch): void {
    const { operationIds } = this.#options;
    const clients = new Set<ByteString>();
    for (const entry of entries) for (const client of entry.clients) clients.add(client);
    for (const client of operationIds.takeExpired(newest.lastTimestamp)) batch.delete(clientRowKey(client));
    for (const client of clients) {
      const stored = operationIds.clientUpTo(client, newest.position);
      if (stored !== undefined) batch.put(clientRowKey(client), encodeClientRow(stored));
    }
  }

  #stateAt(newest: OverlayEntry, sums: Sums): ViewState {
    return {
      position: newest.position,
      epoch: newest.epoch,
      timestamp: Math.max(newest.lastTimestamp, this.#state.timestamp),
      epochs: this.#options.epochs().startsUpTo(newest.position),
      recordCount: sums.recordCount,
      recordBytes: sums.recordBytes,
      contentHash: sums.hash.toString(),
    };
  }

  /** Moves what the view now has from the overlay to the cache. */
  async #letGo(entries: readonly OverlayEntry[], turns: readonly (readonly number[])[]): Promise<void> {
    const { overlay, cache } = this.#options;
    for (let turn = 0; turn < turns.length; turn++) {
      for (const write of turns[turn] ?? []) {
        overlay.drop(write);
        const record = overlay.read(write);
        const recordKey = record.recordKey();
        if (overlay.isDelete(write)) cache.delete(recordKey);
        else cache.setWritten(recordKey, record);
      }
      if (turn % 2 === 1) await nextTurn();
    }
    for (let count = entries.length; count > 0; count--) overlay.shift();
  }

  #settleWaiters(): void {
    const position = this.#state.position;
    const due = this.#waiters.filter((waiter) => waiter.position <= position);
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > position);
    for (const waiter of due) waiter.settle(undefined);
  }
}

/** The first of these entries that make one batch. */
function portionOf(entries: readonly OverlayEntry[]): OverlayEntry[] {
  const portion: OverlayEntry[] = [];
  let writes = 0;
  let bytes = 0;
  for (const entry of entries) {
    writes += entry.writeCount;
    bytes += entry.bytes;
    if (portion.length > 0 && (writes > maxBatchWrites || bytes > maxBatchBytes)) break;
    portion.push(entry);
  }
  return portion;
}

/** For a record of which only the digest is wanted. */
function ignoreRow(): void {}

function sumsOf(state: ViewState): Sums {
  return {
    recordCount: state.recordCount,
    recordBytes: state.recordBytes,
    hash: ContentHash.parse(state.contentHash),
  };
}

/** The writes that are not superseded up to a position, in turns of bounded work. */
function planTurns(overlay: Overlay, entries: readonly OverlayEntry[], upTo: number): number[][] {
  const turns: number[][] = [];
  let turn: number[] = [];
  let bytes = 0;
  for (const entry of entries) {
    let write = entry.firstWrite;
    for (let count = entry.writeCount; count > 0; count--, write = writeAfter(write)) {
      if (overlay.isSuperseded(write, upTo)) continue;
      turn.push(write);
      bytes += overlay.sizeOf(write);
      if (turn.length < writesPerTurn && bytes < maxTurnBytes) continue;
      turns.push(turn);
      turn = [];
      bytes = 0;
    }
  }
  if (turn.length > 0) turns.push(turn);
  return turns;
}
