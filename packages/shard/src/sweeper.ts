import type { ByteString, Timers } from '@edis/core';
import { EdisError, isExpired, slotOf } from '@edis/core';
import type { LoggedOperation, Lookup, Store, ViewReader } from '@edis/store';
import { ownOperation } from './keyspace-sync.ts';

/**
 * Records that are removed in one turn of the event loop: each is looked up, some microseconds, so that a turn takes a
 * few milliseconds at most, whatever else waits.
 */
export const removalsPerTurn = 256;

/** Records that one look at the view finds. The view must have followed them before it is looked at again. */
export const removalsPerPass = 8192;

/** How soon after its deadline an expired record, which nobody sees any more, is removed. */
const idlePassMs = 250;

/** When the overlay has no room to spare, which the view's next batch changes. */
const crowdedPassMs = 50;

export interface SweeperParts {
  readonly store: Store;
  readonly timers: Timers;
  readonly overlayBytesMax: number;
  readonly active: () => boolean;
  /** Logs operations of the shard's own; undefined: not now. */
  readonly log: (operations: readonly LoggedOperation[]) => number | undefined;
  readonly wallMs: () => number;
  readonly onExpired: (count: number) => void;
  /** A record can not be read, or the view can not be looked at. The sweep goes on. */
  readonly onError: (error: EdisError) => void;
}

interface Removal {
  readonly kind: 'expire' | 'delete';
  readonly keyspace: number;
  readonly key: ByteString;
}

/**
 * Removes, through the log, the records whose deadline has passed and those of dropped keyspaces.
 *
 * Guarantees bounded work: at most `removalsPerTurn` records a turn, then others have theirs; none while the overlay is
 * more than half full, so that the writes of clients find room; and none twice, because the view has followed one
 * portion before the next is read from it. What it removes it looks up in the same turn: a record that was written anew
 * stays. Assumes that reads hide what is expired, so that nothing depends on how soon it is removed.
 */
export class Sweeper {
  readonly #parts: SweeperParts;
  #cancelWait: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** The newest entry of its own: the view must have it before it is asked again. */
  #position = 0;
  /** The earliest deadline when the view was looked at last; 0: it must be looked at. Infinity: it had none. */
  #nextDeadlineMs = 0;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#wait(idlePassMs);
  }

  /** Ends after the turn that runs. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWait?.();
    await this.#running;
  }

  #wait(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelWait = this.#parts.timers.after(delayMs, () => this.#begin());
  }

  #begin(): void {
    const pass = this.sweep().then(
      (delayMs) => this.#wait(delayMs),
      (caught: unknown) => {
        const error = EdisError.from(caught);
        if (this.#stopped || error.code === 'closed') return;
        // While a snapshot takes over there is no view.
        if (error.code !== 'busy') this.#parts.onError(error);
        this.#wait(idlePassMs);
      },
    );
    this.#running = pass;
  }

  /** One pass; resolves to the time until the next. */
  async sweep(): Promise<number> {
    const { store, active } = this.#parts;
    if (!active()) return idlePassMs;
    if (this.#isCrowded()) return crowdedPassMs;
    if (!this.#isDue()) return idlePassMs;
    this.#nextDeadlineMs = 0;
    store.deadlines.clear();
    const view = await store.openView(Math.max(this.#position, store.viewPosition));
    let removals: readonly Removal[];
    try {
      removals = await this.#find(view);
      if (removals.length === 0) this.#nextDeadlineMs = await firstDeadline(view);
    } finally {
      await view.close();
    }
    for (let from = 0; from < removals.length; from += removalsPerTurn) {
      await nextTurn();
      if (this.#stopped || !active()) return idlePassMs;
      if (this.#isCrowded()) return crowdedPassMs;
      this.#remove(removals.slice(from, from + removalsPerTurn));
    }
    return removals.length < removalsPerPass ? idlePassMs : 0;
  }

  /** Whether the view may have something to remove. To open it costs far more than to know that it has not. */
  #isDue(): boolean {
    const { store, wallMs } = this.#parts;
    return (
      Math.min(this.#nextDeadlineMs, store.deadlines.earliestMs) <= wallMs() ||
      store.keyspaceStats().some(({ keyspace }) => store.keyspaces.get(keyspace)?.dropped === true)
    );
  }

  #isCrowded(): boolean {
    const { store, overlayBytesMax } = this.#parts;
    return store.overlayBytes * 2 > overlayBytesMax;
  }

  async #find(view: ViewReader): Promise<readonly Removal[]> {
    const { store, wallMs } = this.#parts;
    const expiring = await view.expiring(wallMs(), removalsPerPass);
    const removals: Removal[] = expiring.map(({ keyspace, key }) => ({ kind: 'expire', keyspace, key }));
    // A dropped keyspace takes no writes any more: once the view has none of its records, it stays so.
    for (const { keyspace, recordCount } of store.keyspaceStats()) {
      if (recordCount === 0 || store.keyspaces.get(keyspace)?.dropped !== true) continue;
      if (removals.length >= removalsPerPass) break;
      for await (const page of view.records(keyspace, '', '', true)) {
        for (const { key } of page) removals.push({ kind: 'delete', keyspace, key });
        if (removals.length >= removalsPerPass || this.#stopped) break;
      }
    }
    return removals;
  }

  #remove(removals: readonly Removal[]): void {
    const { log, onExpired } = this.#parts;
    const nowMs = this.#parts.wallMs();
    const operations: LoggedOperation[] = [];
    let expiredCount = 0;
    for (const removal of removals) {
      const record = this.#lookup(removal)?.record;
      if (record === undefined) continue;
      if (removal.kind === 'expire') {
        if (!isExpired(record.expiresAtMs, nowMs)) continue;
        expiredCount += 1;
      }
      operations.push({ ...ownOperation, ...removal, slot: slotOf(removal.key) });
    }
    if (operations.length === 0) return;
    const position = log(operations);
    if (position === undefined) return;
    this.#position = position;
    if (expiredCount > 0) onExpired(expiredCount);
  }

  #lookup({ keyspace, key }: Removal): Lookup | undefined {
    try {
      return this.#parts.store.lookup(keyspace, key, 'newest');
    } catch (caught) {
      this.#parts.onError(EdisError.from(caught));
      return undefined;
    }
  }
}

/** Infinity: there is none. */
async function firstDeadline(view: ViewReader): Promise<number> {
  const [first] = await view.expiring(Number.MAX_SAFE_INTEGER - 1, 1);
  return first?.expiresAtMs ?? Number.POSITIVE_INFINITY;
}

/** Others have their turn first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
