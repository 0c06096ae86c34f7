/** More samples than this add nothing to a quantile; a run of some seconds stays below it. */
const maxSamples = 4_000_000;

/** Latencies of one run. All of them up to a bound: with quantiles exact, two runs can be compared. */
export class LatencyRecorder {
  #samples = new Float32Array(65_536);
  #kept = 0;
  #count = 0;
  #sorted = false;

  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    this.#count += 1;
    if (this.#kept === maxSamples) return;
    if (this.#kept === this.#samples.length) {
      const larger = new Float32Array(Math.min(maxSamples, this.#samples.length * 2));
      larger.set(this.#samples);
      this.#samples = larger;
    }
    this.#samples[this.#kept] = latencyMs;
    this.#kept += 1;
    this.#sorted = false;
  }

  /** The latency that a share `q` of the operations did not exceed; 0 without any. */
  quantileMs(q: number): number {
    const kept = this.#samples.subarray(0, this.#kept);
    if (!this.#sorted) kept.sort();
    this.#sorted = true;
    return kept[Math.min(this.#kept - 1, Math.floor(this.#kept * q))] ?? 0;
  }
}
