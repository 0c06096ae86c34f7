/**
 * Tells living stores from dead ones.
 *
 * Guarantees: a verdict rests only on what was seen since this detector began. A store that was alive before is
 * presumed alive for `deadAfterMs`; if the detector itself did not run for that long (a suspended machine), everybody
 * gets a new period, because the silence was its own. Time is any clock that does not go back.
 */
import type { StoreId } from './topology.ts';

export interface LivenessChange {
  readonly store: StoreId;
  readonly alive: boolean;
}

export class FailureDetector {
  readonly #deadAfterMs: number;
  /** When each living store was last heard of. */
  readonly #lastHeardMs = new Map<StoreId, number>();
  #lastTickMs: number | undefined;

  constructor(options: { readonly deadAfterMs: number }) {
    this.#deadAfterMs = options.deadAfterMs;
  }

  isAlive(store: StoreId): boolean {
    return this.#lastHeardMs.has(store);
  }

  /** The store was alive when the detector before this one last looked. */
  onPresumed(store: StoreId, nowMs: number): void {
    this.#lastHeardMs.set(store, nowMs);
  }

  onConnected(store: StoreId, nowMs: number): readonly LivenessChange[] {
    return this.#heard(store, nowMs);
  }

  onReport(store: StoreId, nowMs: number): readonly LivenessChange[] {
    return this.#heard(store, nowMs);
  }

  /** Its stream broke, or it said that it ends. */
  onDisconnected(store: StoreId): readonly LivenessChange[] {
    return this.#lastHeardMs.delete(store) ? [{ store, alive: false }] : [];
  }

  tick(nowMs: number): readonly LivenessChange[] {
    const pausedMs = nowMs - (this.#lastTickMs ?? nowMs);
    this.#lastTickMs = nowMs;
    const changes: LivenessChange[] = [];
    for (const [store, heardMs] of this.#lastHeardMs) {
      if (pausedMs >= this.#deadAfterMs) {
        this.#lastHeardMs.set(store, nowMs);
      } else if (nowMs - heardMs >= this.#deadAfterMs) {
        this.#lastHeardMs.delete(store);
        changes.push({ store, alive: false });
      }
    }
    return changes;
  }

  #heard(store: StoreId, nowMs: number): readonly LivenessChange[] {
    const wasAlive = this.#lastHeardMs.has(store);
    this.#lastHeardMs.set(store, nowMs);
    return wasAlive ? [] : [{ store, alive: true }];
  }
}
