import { LatencyRecorder } from './latency.ts';
import type { Target } from './target.ts';
import type { LoadWork, LoopWork, Measurement } from './work.ts';
import { valueBytes } from './work.ts';

/** Letters and digits that no compression makes smaller than they look; the same for every target. */
const value = Array.from({ length: valueBytes }, (_, index) => ((index * 7919) % 36).toString(36)).join('');

const keyOf = (index: number): string => `key:${index}`;

/** Xorshift: as uniform as a key choice needs, and far cheaper than a system's random source. */
function randomIndex(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function measurementOf(recorder: LatencyRecorder, elapsedMs: number): Measurement {
  return {
    operations: recorder.count,
    opsPerSecond: (recorder.count * 1000) / elapsedMs,
    p50Ms: recorder.quantileMs(0.5),
    p99Ms: recorder.quantileMs(0.99),
  };
}

export async function runLoop(target: Target, work: LoopWork, seed: number): Promise<Measurement> {
  const recorder = new LatencyRecorder();
  const startMs = performance.now();
  const endMs = startMs + work.durationMs;
  const caller = async (callerSeed: number): Promise<void> => {
    const choose = randomIndex(callerSeed);
    let beforeMs = performance.now();
    while (beforeMs < endMs) {
      const key = keyOf(choose(work.keys));
      if (work.verb === 'put') await target.put(key, value, work.durability);
      else if (!(await target.get(key, work.durability))) throw new Error(`the loaded key ${key} is not there`);
      const afterMs = performance.now();
      recorder.add(afterMs - beforeMs);
      beforeMs = afterMs;
    }
  };
  await Promise.all(Array.from({ length: work.callers }, (_, index) => caller(seed + index * 7919)));
  return measurementOf(recorder, performance.now() - startMs);
}

export async function runLoad(target: Target, work: LoadWork): Promise<Measurement> {
  const recorder = new LatencyRecorder();
  const startMs = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < work.keys) {
      const key = keyOf(next);
      next += 1;
      const beforeMs = performance.now();
      await target.load(key, value);
      recorder.add(performance.now() - beforeMs);
    }
  };
  await Promise.all(Array.from({ length: work.callers }, caller));
  const measurement = measurementOf(recorder, performance.now() - startMs);
  await target.settle();
  return measurement;
}
