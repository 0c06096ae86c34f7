import type { ByteString, EpochStart, KeyspaceStats, OperationIds, Position } from '@edis/core';
import { EdisError, invariant } from '@edis/core';
import { Applier } from './applier.ts';
import type { ChangeLog } from './change-log.ts';
import type { DataDirectory, StoreIdentity } from './data-directory.ts';
import { DeadlineSign } from './deadline-sign.ts';
import { DerivedRows } from './derived-rows.ts';
import { DigestTable } from './digest-table.ts';
import { encodeEntry } from './entry-codec.ts';
import { frameHeaderBytes } from './frame.ts';
import type { KeyspaceTable } from './keyspace-table.ts';
import { LevelViewReader } from './level-view-reader.ts';
import { LogHead } from './log-head.ts';
import { LogRetention, type RetentionNeeds } from './log-retention.ts';
import type { EncodedEntries, EncodedEntry, Entry } from './logged-operation.ts';
import type { Overlay } from './overlay.ts';
import { PositionWaiters } from './position-waiters.ts';
import type { Receipts } from './receipt.ts';
import { RecordCache } from './record-cache.ts';
import type { Scrub } from './scrub.ts';
import { scrubView } from './scrub.ts';
import type { SetAsideCopy } from './set-aside.ts';
import { SettleTimer } from './settle-timer.ts';
import type { SnapshotInstall } from './snapshot-install.ts';
import type { SnapshotStart } from './snapshot-source.ts';
import { SnapshotSource } from './snapshot-source.ts';
import { SnapshotTakeover } from './snapshot-takeover.ts';
import { closeParts } from './store-closing.ts';
import type { DirectoryLock, StoreEnvironment } from './store-environment.ts';
import type { StoreOptions, StoreSettings } from './store-options.ts';
import type { StoreParts } from './store-parts.ts';
import { checkEntry, decodeEntries, openParts, rememberOperations } from './store-parts.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import type { Lookup } from './stored-record.ts';
import { recordKeyOf } from './stored-record.ts';
import type { ViewReader } from './view-reader.ts';

/**
 * One member's copy of a shard: the change log, and the records that follow it.
 *
 * Guarantees: an entry that `append` returned for is in the log file; one that `syncedPosition` covers outlives a power
 * loss; lookups see every appended entry at once ('newest'), or exactly those that `setVisible` has shown ('visible').
 * After a failed write, sync or batch the store is out of service for good: `onFailed` is told once, and nothing
 * more is appended, synced or said to be so. Assumes: one owner on one event loop; positions, epochs and timestamps
 * are the owner's, the store checks that they rise.
 */
export class Store {
  readonly #settings: StoreSettings;
  readonly #directory: DataDirectory;
  readonly #lock: DirectoryLock;
  readonly #log: ChangeLog;
  readonly #overlay: Overlay;
  readonly #cache: RecordCache;
  readonly #applier: Applier;
  readonly #retention: LogRetention;
  readonly operationIds: OperationIds;
  /** Of what was discarded. */
  readonly receipts: Receipts;
  /** The copy in place of which this store began anew, empty; undefined: none. */
  readonly setAside: SetAsideCopy | undefined;
  readonly deadlines = new DeadlineSign();
  readonly retentionBytesMax: number;
  readonly #keyspaces: KeyspaceTable;
  readonly #head: LogHead;
  #visiblePosition: number;
  readonly #syncedListeners: ((syncedPosition: number) => void)[] = [];
  readonly #foldedListeners: ((viewPosition: number) => void)[] = [];
  readonly #failedListeners: ((error: EdisError) => void)[] = [];
  readonly #syncWaiters = new PositionWaiters();
  readonly #settleTimer: SettleTimer;
  readonly #environment: StoreEnvironment;
  readonly #takeover: SnapshotTakeover;
  #failure: EdisError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(environment: StoreEnvironment, lock: DirectoryLock, parts: StoreParts) {
    this.#settings = parts.settings;
    this.retentionBytesMax = parts.settings.retentionBytesMax;
    this.#directory = parts.directory;
    this.#lock = lock;
    this.#log = parts.log;
    this.#overlay = parts.overlay;
    this.operationIds = parts.operationIds;
    this.receipts = parts.receipts;
    this.setAside = parts.setAside;
    this.#head = new LogHead(parts.epochs, parts.lastEntry, parts.lastTimestamp);
    this.#keyspaces = parts.keyspaces;
    this.#visiblePosition = parts.state.position;
    this.#environment = environment;
    this.#settleTimer = new SettleTimer(environment, parts.settings.memorySyncMs);
    this.#cache = new RecordCache(parts.settings.cacheBytes);
    const onFailed = (error: EdisError): void => void this.#fail(error);
    Object.assign(parts.logEvents, { onSynced: () => this.#noteSynced(), onFailed });
    this.#applier = new Applier(
      {
        overlay: parts.overlay,
        cache: this.#cache,
        digests: DigestTable.of(this.identity.store, parts.state.recordCount === 0),
        derived: new DerivedRows(() => parts.keyspaces.current, this.deadlines),
        deadlines: this.deadlines,
        keyspaces: parts.keyspaces,
        operationIds: parts.operationIds,
        epochs: () => this.#head.epochs,
        bound: () => Math.min(this.#visiblePosition, this.#log.syncedPosition),
        visible: () => this.#visiblePosition,
        requestSync: () => this.requestSync(),
        onFolded: (position) => {
          this.#retention.apply();
          for (const listener of this.#foldedListeners) listener(position);
        },
        onFailed,
        overlayBytesMax: parts.settings.overlayBytesMax,
        syncEveryBytes: parts.settings.segmentBytes,
      },
      parts.view,
      parts.state,
      parts.keyspaceRows,
    );
    this.#retention = new LogRetention({
      log: parts.log,
      retentionBytes: parts.settings.retentionBytes,
      retentionBytesMax: parts.settings.retentionBytesMax,
      viewSyncedPosition: () => this.#applier.syncedPosition,
      wantViewSync: () => this.#applier.wantSync(),
      onFailed: (caught) => void this.#fail(caught),
    });
    this.#takeover = new SnapshotTakeover({
      ...parts,
      environment,
      cache: this.#cache,
      applier: this.#applier,
      retention: this.#retention,
      checkUsable: () => this.#checkUsable(),
      epochAt: (position) => this.epochAt(position),
      writeReceipt: (above) => this.receipts.write(parts.log, above, this.lastEntry),
      onReset: (state) => {
        this.#head.restart(state);
        this.#visiblePosition = state.position;
      },
      onKept: (entry, body) => this.#take(entry, body),
      onFailed,
    });
  }

  /**
   * Opens or makes a store. EdisError 'data-directory' when the directory is not for this process, 'damaged' when
   * what it holds fails its checks, 'disk' when it cannot be read or written. All entries in the log are synced
   * when it returns.
   */
  static async open(options: StoreOptions): Promise<Store> {
    const { environment, directory: path } = options;
    await environment.disk.makeDirectory(path);
    const lock = await environment.lock(path);
    try {
      return new Store(environment, lock, await openParts(options));
    } catch (caught) {
      await lock.release();
      throw EdisError.from(caught, 'disk');
    }
  }

  get identity(): StoreIdentity {
    return this.#directory.identity;
  }

  /** Changes store.json; safe when it returns. */
  saveIdentity(change: Partial<Omit<StoreIdentity, 'store'>>): Promise<void> {
    return this.#directory.save(change);
  }

  /** The same for what nobody waits for, which thereby holds up nothing that somebody does. */
  saveIdentitySoon(change: Partial<Omit<StoreIdentity, 'store'>>): Promise<void> {
    return this.#directory.saveSoon(change, this.#environment);
  }

  get lastEntry(): Position {
    return this.#head.lastEntry;
  }

  /** The highest timestamp that an entry uses, or did before it was cut. */
  get lastTimestamp(): number {
    return this.#head.lastTimestamp;
  }

  get epochs(): readonly EpochStart[] {
    return this.#head.epochs.starts;
  }

  get syncedPosition(): number {
    return this.#log.syncedPosition;
  }

  get visiblePosition(): number {
    return this.#visiblePosition;
  }

  get viewPosition(): number {
    return this.#applier.state.position;
  }

  /** The oldest entry that the log still has; one above the last when it has none. */
  get firstPosition(): number {
    return this.#log.firstPosition;
  }

  get overlayBytes(): number {
    return this.#overlay.bytes;
  }

  get logBytes(): number {
    return this.#log.bytes;
  }

  get recordCount(): number {
    return this.#applier.state.recordCount;
  }

  get recordBytes(): number {
    return this.#applier.state.recordBytes;
  }

  /** Of the records at viewPosition. */
  get contentHash(): string {
    return this.#applier.state.contentHash;
  }

  /** Keyspaces as of the end of the log; `default` always; the map is a new one after each change. */
  get keyspaces(): ReadonlyMap<number, StoredKeyspace> {
    return this.#keyspaces.current;
  }

  /** Of the records at viewPosition. */
  keyspaceStats(): readonly KeyspaceStats[] {
    return this.#applier.keyspaceStats();
  }

  /** The view as of a position, which must be visible or become so, or a little later. */
  async openView(position: number): Promise<ViewReader> {
    this.#checkUsable();
    await this.#applier.reach(position);
    this.#checkUsable();
    this.#checkReadable();
    return new LevelViewReader(this.#applier.view, this.#keyspaces.current);
  }

  get cacheHitCount(): number {
    return this.#cache.hitCount;
  }

  get cacheMissCount(): number {
    return this.#cache.missCount;
  }

  get failure(): EdisError | undefined {
    return this.#failure;
  }

  /**
   * Writes an entry to the log file and shows it to 'newest' lookups. EdisError 'disk' when that fails: see
   * onFailed.
   */
  append(entry: Entry): EncodedEntry {
    this.#checkUsable();
    checkEntry(entry, { entry: this.lastEntry, timestamp: this.lastTimestamp });
    const frame = encodeEntry(entry, frameHeaderBytes);
    const encoded = this.#written(() => this.#log.append(entry.position, frame));
    this.#take(entry, encoded.body);
    this.#settleLater();
    return encoded;
  }

  /**
   * Writes entries that another member encoded, byte for byte, and returns them. EdisError 'protocol', and nothing is
   * written, when one fails its check or does not follow the last; 'disk' when writing fails.
   */
  appendEncoded(firstPosition: number, bodies: readonly Uint8Array[], checksums: readonly number[]): Entry[] {
    this.#checkUsable();
    const { entries, encoded } = decodeEntries(firstPosition, bodies, checksums, this.#head.before);
    if (entries.length === 0) return entries;
    this.#written(() => this.#log.appendEncoded(firstPosition, encoded));
    for (const [index, { body }] of encoded.entries()) {
      const entry = entries[index];
      if (entry !== undefined) this.#take(entry, body);
    }
    this.#settleLater();
    return entries;
  }

  #written<Result>(write: () => Result): Result {
    try {
      return write();
    } catch (caught) {
      throw this.#fail(caught);
    }
  }

  #take(entry: Entry, body: Uint8Array): void {
    this.#overlay.append(entry, body);
    rememberOperations(this.operationIds, entry);
    this.#keyspaces.append(entry);
    this.#head.take(entry);
  }

  /** What was appended is synced in a while, and what is visible by then is folded, even if nobody asks for either. */
  #settleLater(): void {
    if (!this.#settleTimer.isRunning) this.#startSettleTimer();
    this.#applier.nudge();
  }

  #startSettleTimer(): void {
    const { position } = this.lastEntry;
    this.#settleTimer.start(() => {
      this.requestSync();
      // Not twice in the same time: the more writes a fold has, the more of them take another's place.
      if (this.viewPosition < position) this.#applier.aim(this.#visiblePosition);
      else if (this.viewPosition < this.lastEntry.position) this.#startSettleTimer();
    });
  }

  /** Entries up to here are shown to 'visible' lookups and may be folded. Never falls. */
  setVisible(position: number): void {
    const shown = Math.min(position, this.lastEntry.position);
    if (shown <= this.#visiblePosition) return;
    this.#visiblePosition = shown;
    // The last entry may become visible only after the timer of its append: without its own it would never be folded.
    this.#settleLater();
  }

  /** A group sync starts at once, or right after the running one. */
  requestSync(): void {
    if (this.#failure === undefined) this.#log.requestSync();
  }

  onSynced(listener: (syncedPosition: number) => void): void {
    this.#syncedListeners.push(listener);
  }

  /** Told after each batch of the view. */
  onFolded(listener: (viewPosition: number) => void): void {
    this.#foldedListeners.push(listener);
  }

  /** Told once; at once if it has happened. */
  onFailed(listener: (error: EdisError) => void): void {
    if (this.#failure === undefined) this.#failedListeners.push(listener);
    else listener(this.#failure);
  }

  /**
   * A record, synchronously. EdisError 'damaged' when the stored record fails its check; 'busy' for the moment in
   * which a snapshot takes over.
   */
  lookup(keyspace: number, key: ByteString, upTo: 'newest' | 'visible'): Lookup {
    const recordKey = recordKeyOf(keyspace, key);
    const limit = upTo === 'newest' ? Number.POSITIVE_INFINITY : this.#visiblePosition;
    const found = this.#overlay.lookup(recordKey, limit);
    if (found !== undefined) return found;
    let record = this.#cache.get(recordKey);
    if (record === undefined) {
      this.#checkReadable();
      record = this.#applier.view.get(keyspace, key);
      if (record !== undefined) this.#cache.set(recordKey, keyspace, record);
    }
    return { record, position: 0 };
  }

  hasRoom(): boolean {
    return this.#overlay.bytes < this.#settings.overlayBytesMax;
  }

  /** Entries from a position on, at least one if there is one; undefined: the log no longer reaches back. */
  readEntries(fromPosition: number, maxBytes: number): Promise<EncodedEntries | undefined> {
    return this.#log.read(fromPosition, maxBytes);
  }

  epochAt(position: number): number | undefined {
    return position > this.lastEntry.position ? undefined : this.#head.epochs.epochAt(position);
  }

  /**
   * Cuts the entries above a position, after a receipt of them is safe. Only above the view's position. When that
   * fails, the store is out of service, too: the next start finds out where the log ends, and the cut is made again.
   */
  async truncateAfter(position: number): Promise<void> {
    this.#checkUsable();
    if (position >= this.lastEntry.position) return;
    await this.#applier.exclusive(async () => {
      this.#checkUsable();
      invariant(position >= this.viewPosition, `the view is at ${this.viewPosition}, above the cut at ${position}`);
      try {
        await this.receipts.write(this.#log, position, this.lastEntry);
        await this.#log.truncateAfter(position);
      } catch (caught) {
        throw this.#fail(caught);
      }
      this.#overlay.truncateAfter(position);
      this.operationIds.forgetAfter(position);
      this.#head.cutAfter(position, this.#applier.state.timestamp);
      this.#keyspaces.truncateAfter(position);
      this.#visiblePosition = Math.min(this.#visiblePosition, position);
      // All that is left is synced; who waits for what was cut waits for nothing more.
      this.#noteSynced(Number.MAX_SAFE_INTEGER);
    });
  }

  /** Which entries are kept: for followers, as far as retentionBytesMax allows, and for receipts. */
  setRetention(needs: RetentionNeeds): void {
    this.#retention.keepFor(needs);
  }

  /** The records as of what is visible now, or a little later. To be closed: it pins the log behind it. */
  async openSnapshot(): Promise<SnapshotSource> {
    this.#checkUsable();
    await this.#applier.reach(this.#visiblePosition);
    return this.#applier.exclusive(async () => {
      this.#checkUsable();
      const { state, view } = this.#applier;
      const pin = this.#retention.pin(state.position);
      return new SnapshotSource(state, view.snapshot(), () => this.#retention.unpin(pin));
    });
  }

  /**
   * Begins to take in another member's snapshot beside the state in use. One at a time.
   * @param agreed the own log up to there is the sender's too, and stays: a snapshot that ends before it takes nothing
   *   away. What is above goes into a receipt in the moment in which it is discarded. Undefined: the sender has all of
   *   the own log. EdisError 'unreachable' when the own log does not go on where the snapshot ends.
   */
  beginInstall(start: SnapshotStart, agreed?: number): Promise<SnapshotInstall> {
    return this.#takeover.begin(start, agreed);
  }

  /** Recomputes count and hash from all records as of viewPosition. */
  async scrub(): Promise<Scrub> {
    this.#checkUsable();
    return scrubView(this.#applier, () => this.#keyspaces.current);
  }

  /** Syncs the log, folds everything visible, and syncs the view. */
  async flush(): Promise<void> {
    this.#checkUsable();
    await this.#applier.reach(this.#visiblePosition);
    await this.#reachSynced(this.lastEntry.position);
    await this.#applier.syncView();
    await this.#directory.flush();
  }

  #reachSynced(position: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.syncedPosition >= position) return Promise.resolve();
    const reached = this.#syncWaiters.wait(position);
    this.requestSync();
    return reached;
  }

  #noteSynced(settled = 0): void {
    const synced = this.#log.syncedPosition;
    for (const listener of this.#syncedListeners) listener(synced);
    this.#syncWaiters.settle(Math.max(synced, settled));
    this.#applier.nudge();
  }

  /** Returns why it is out of service. */
  #fail(caught: unknown): EdisError {
    if (this.#failure !== undefined) return this.#failure;
    const error = EdisError.from(caught, 'disk');
    this.#failure = error;
    this.#settleTimer.stop();
    this.#log.stop();
    this.#syncWaiters.fail(error);
    // Settles at the end of a running batch; there is nothing to wait for, and it does not reject.
    void this.#applier.stop(error);
    for (const listener of this.#failedListeners) listener(error);
    return error;
  }

  #checkReadable(): void {
    if (this.#takeover.isRunning) throw new EdisError('busy', 'a snapshot is taking over', { retryAfterMs: 50 });
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Idempotent. What is not synced stays so: flush first for a clean end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#settleTimer.stop();
    const closed = new EdisError('closed', 'the store is closed');
    const failed = this.#failure !== undefined;
    this.#failure ??= closed;
    this.#syncWaiters.fail(closed);
    const parts = { applier: this.#applier, retention: this.#retention, log: this.#log, takeover: this.#takeover };
    await closeParts({ ...parts, directory: this.#directory, lock: this.#lock }, closed, failed);
  }
}
