import type { ClusterState } from '@edis/core';

/**
 * What an operator has given up by `promote --unsafe`: from then on a shard may lack what it had acknowledged, and a
 * former primary that has not heard of it yet may go on beside the new one.
 *
 * The store of info does not say why a primary was promoted. The wish replaces what was under way, but a promotion that
 * was decided before it may be saved after it: the next two are taken for unsafe ones.
 */
export class OperatorWish {
  #sinceMs: number | undefined;
  #epoch = 0;
  #lastSince = 0;
  #promotionsLeft = 0;

  /** When nothing had been given up yet for the last time; undefined: nothing ever was. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** Writes of lower epochs may be lost. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Info has accepted it. */
  onAccepted(nowMs: number): void {
    this.#sinceMs ??= nowMs;
    this.#promotionsLeft = 2;
  }

  onSaved({ records }: Pick<ClusterState, 'records'>): void {
    const since = records[0]?.primarySince ?? 0;
    if (since <= this.#lastSince) return;
    this.#lastSince = since;
    if (this.#promotionsLeft === 0) return;
    this.#promotionsLeft -= 1;
    this.#epoch = since;
  }
}
