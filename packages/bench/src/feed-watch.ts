import { EventEmitter, once } from 'node:events';
import { LatencyRecorder } from './latency.ts';
import { measurementOf } from './loop.ts';
import { machineMs, stampOf } from './record-text.ts';
import type { FeedEnd, RecordTarget } from './target.ts';
import type { Measurement } from './work.ts';

/** Written behind the changes that are measured; keys to measure begin with `measuredPrefix`. */
export const markKey = 'mark';
const measuredPrefix = 'key:';
const markWaitMs = 60_000;

/** How long changes took from the moment at which another process issued their put to the loop of the watcher. */
export class FeedWatch {
  readonly #recorder = new LatencyRecorder();
  readonly #stop = new AbortController();
  readonly #mark = new EventEmitter();
  #marked = false;
  #end: FeedEnd = { ended: Promise.resolve() };
  #firstMs = 0;
  #lastMs = 0;

  /** Resolves when all that is written from now on will be seen. */
  static async begin(records: RecordTarget): Promise<FeedWatch> {
    const watch = new FeedWatch();
    watch.#end = await records.watch((key, value) => watch.#see(key, value), watch.#stop.signal);
    return watch;
  }

  /** Waits for the mark: the lags and the rate of all that came before it. */
  async end(): Promise<Measurement> {
    try {
      await Promise.race([this.#waitForMark(), this.#end.ended]);
    } finally {
      this.#stop.abort();
    }
    await this.#end.ended;
    if (!this.#marked) throw new Error('the feed ended before it brought the mark');
    return measurementOf(this.#recorder, this.#lastMs - this.#firstMs);
  }

  async #waitForMark(): Promise<void> {
    if (!this.#marked) await once(this.#mark, 'seen', { signal: AbortSignal.timeout(markWaitMs) });
  }

  #see(key: string, value: Uint8Array): void {
    if (key === markKey) {
      this.#marked = true;
      this.#mark.emit('seen');
    }
    if (!key.startsWith(measuredPrefix)) return;
    const nowMs = machineMs();
    if (this.#recorder.count === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    this.#recorder.add(nowMs - stampOf(value));
  }
}
