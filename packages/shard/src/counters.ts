/** What a member counts since its start, and its rate over the last second. */
export class Counters {
  reads = 0;
  writes = 0;
  busy = 0;
  repeated = 0;
  /** Records that were removed because their deadline had passed. */
  expired = 0;
  snapshots = 0;
  queries = 0;
  /** Feeds that are open now. */
  watchers = 0;
  #rate = 0;
  #countedAtMs = 0;
  #counted = 0;

  /** Called about once a second. */
  tick(nowMs: number): void {
    const total = this.reads + this.writes;
    const elapsedMs = nowMs - this.#countedAtMs;
    if (elapsedMs < 200) return;
    this.#rate = Math.round(((total - this.#counted) * 1000) / elapsedMs);
    this.#counted = total;
    this.#countedAtMs = nowMs;
  }

  get operationsPerSecond(): number {
    return this.#rate;
  }
}
