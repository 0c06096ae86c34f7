import type { ByteString, EpochTable, KeyspaceStats, OperationIds } from '@edis/core';
import { EdisError } from '@edis/core';
import { clientRowKey, encodeClientRow } from './client-row.ts';
import type { DeadlineSign } from './deadline-sign.ts';
import type { DerivedRows } from './derived-rows.ts';
import type { DigestTable } from './digest-table.ts';
import { entriesToFold, planTurns, writesPerTurn } from './fold-plan.ts';
import { FoldRows } from './fold-rows.ts';
import type { HeldWrite } from './held-write.ts';
import type { KeyspaceRow } from './keyspace-row.ts';
import { encodeKeyspaceRow, keyspaceRowKey } from './keyspace-row.ts';
import type { KeyspaceTable } from './keyspace-table.ts';
import type { Overlay, OverlayEntry } from './overlay.ts';
import type { RecordCache } from './record-cache.ts';
import { nextTurn, Turnstile } from './turnstile.ts';
import type { View } from './view.ts';
import type { ViewBatch } from './view-database.ts';
import type { ViewState } from './view-state.ts';
import { encodeViewState, stateRowKey } from './view-state.ts';
import { ViewSums } from './view-sums.ts';

/**
 * Folding begins by itself when the overlay is so full. The later, the more writes of a hot key become one row (from a
 * half, puts with metadata are an eighth slower); the rest is for what comes in meanwhile.
 */
const fullPart = 3 / 4;

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
  readonly derived: DerivedRows;
  readonly deadlines: DeadlineSign;
  readonly keyspaces: KeyspaceTable;
  readonly operationIds: OperationIds;
  readonly epochs: () => EpochTable;
  /** The position up to which entries are synced and visible. */
  readonly bound: () => number;
  /** The position up to which entries are visible: what a sync could raise the bound to. */
  readonly visible: () => number;
  readonly requestSync: () => void;
  readonly onFolded: (position: number) => void;
  readonly onFailed: (error: EdisError) => void;
  /** At it the overlay takes no more. */
  readonly overlayBytesMax: number;
  /** The view is synced after that many bytes of entries, so that log segments can go. */
  readonly syncEveryBytes: number;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #turnstile = new Turnstile();
  #view: View;
  #state: ViewState;
  #sums: ViewSums;
  #syncedPosition: number;
  #bytesSinceSync = 0;
  #syncWanted = false;
  /** The view is asked to come to here, however little there is to fold. */
  #target = 0;
  #waiters: { readonly position: number; readonly settle: (error: EdisError | undefined) => void }[] = [];
  #running = false;
  #stopped: EdisError | undefined;

  constructor(options: ApplierOptions, view: View, state: ViewState, keyspaces: readonly KeyspaceRow[]) {
    this.#options = options;
    this.#view = view;
    this.#state = state;
    this.#sums = ViewSums.of(state, keyspaces);
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

  /** What the view has, by keyspace. */
  keyspaceStats(): KeyspaceStats[] {
    const stats: KeyspaceStats[] = [];
    for (const [keyspace, sums] of this.#sums.keyspaces) {
      if (sums.recordCount > 0) stats.push({ keyspace, ...sums });
    }
    return stats.sort((a, b) => a.keyspace - b.keyspace);
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

  /**
   * Resolves when the view has passed a position, which must be visible or become so; or, when the log was cut below it
   * meanwhile, what is visible instead.
   */
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

  /** Runs work while no batch is being written. It may cut the log. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turnstile.pass(async () => {
      const last = this.#lastPosition;
      try {
        return await work();
      } finally {
        if (this.#lastPosition < last) this.#forgetCut();
      }
    });
  }

  /** Goes on with another view. Within `exclusive`. */
  replaceView(view: View, state: ViewState, keyspaces: readonly KeyspaceRow[]): void {
    this.#view = view;
    this.#state = state;
    this.#sums = ViewSums.of(state, keyspaces);
    this.#syncedPosition = state.position;
    this.#bytesSinceSync = 0;
    this.#options.digests.reset(state.recordCount === 0);
    this.#options.deadlines.onReplaced();
    this.#settleWaiters();
  }

  /** No further batches; resolves when the running one has ended. */
  async stop(reason: EdisError): Promise<void> {
    this.#stopped ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.settle(this.#stopped);
    await this.#turnstile.pass(async () => {});
  }

  get #lastPosition(): number {
    const { overlay } = this.#options;
    return overlay.entryAt(overlay.entryCount - 1)?.position ?? this.#state.position;
  }

  /** What was cut may never come again, or be something else: who waits for it gets what is visible without it. */
  #forgetCut(): void {
    const last = this.#lastPosition;
    const visible = this.#options.visible();
    this.#target = Math.min(this.#target, last);
    this.#waiters = this.#waiters.map((waiter) =>
      waiter.position > last ? { position: visible, settle: waiter.settle } : waiter,
    );
    this.#settleWaiters();
  }

  #isWanted(): boolean {
    const { overlay, overlayBytesMax } = this.#options;
    const isFull = overlay.bytes >= overlayBytesMax * fullPart;
    return this.#syncWanted || this.#target > this.#state.position || isFull;
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
    const entries = entriesToFold(this.#options.overlay, this.#options.bound());
    const newest = entries[entries.length - 1];
    if (newest === undefined || this.#stopped !== undefined) return;
    const turns = planTurns(this.#options.overlay, entries, newest.position);
    // Whether the digests suffice is settled for the whole batch, before anything is fetched for it.
    this.#options.digests.expect(turns.length * writesPerTurn);
    const batch = this.#view.batch();
    const sums = this.#sums.copy();
    const rows = new FoldRows(this.#options, this.#view, batch, sums);
    try {
      await rows.build(turns);
    } catch (caught) {
      await batch.discard();
      throw caught;
    }
    this.#putClients(entries, newest, batch);
    const forgotten = this.#putKeyspaces(newest.position, batch, sums);
    const state = this.#stateAt(newest, sums);
    batch.put(stateRowKey, encodeViewState(state));
    for (const entry of entries) this.#bytesSinceSync += entry.bytes;
    const sync = this.#syncWanted || this.#bytesSinceSync >= this.#options.syncEveryBytes;
    if (sync) this.#syncWanted = false;
    await batch.write(sync);
    this.#options.deadlines.onWritten();
    this.#state = state;
    this.#sums = sums;
    this.#options.keyspaces.fold(newest.position, forgotten);
    if (sync) {
      this.#syncedPosition = state.position;
      this.#bytesSinceSync = 0;
    }
    await this.#letGo(entries, turns, rows.replaced);
    this.#settleWaiters();
    this.#options.onFolded(state.position);
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

  /** Rows of the keyspaces that have changed; returns those that are gone for good. */
  #putKeyspaces(position: number, batch: ViewBatch, sums: ViewSums): number[] {
    const { keyspaces } = this.#options;
    const changed = keyspaces.changedUpTo(position);
    const forgotten: number[] = [];
    for (const id of new Set([...changed.keys(), ...sums.touched.keys()])) {
      const keyspace = keyspaces.at(id, changed);
      const { recordCount, recordBytes } = sums.of(id);
      if (recordCount === 0 && (keyspace === undefined || keyspace.dropped)) {
        batch.delete(keyspaceRowKey(id));
        forgotten.push(id);
      } else {
        batch.put(keyspaceRowKey(id), encodeKeyspaceRow({ id, keyspace, recordCount, recordBytes }));
      }
    }
    return forgotten;
  }

  #stateAt(newest: OverlayEntry, sums: ViewSums): ViewState {
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
  async #letGo(
    entries: readonly OverlayEntry[],
    turns: readonly (readonly number[])[],
    replaced: readonly (readonly (HeldWrite | undefined)[])[],
  ): Promise<void> {
    const { overlay, cache } = this.#options;
    for (let turn = 0; turn < turns.length; turn++) {
      const writes = turns[turn] ?? [];
      for (let index = 0; index < writes.length; index++) {
        const write = writes[index];
        if (write === undefined) continue;
        overlay.drop(write);
        const record = overlay.read(write);
        const removes = overlay.isRemoval(write);
        // To find it again by its key costs more than the rest.
        if (!removes && replaced[turn]?.[index]?.takes(record) === true) continue;
        const recordKey = record.recordKey();
        if (removes) cache.delete(recordKey);
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
