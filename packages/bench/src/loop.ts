import { LatencyRecorder } from './latency.ts';
import { Random } from './random.ts';
import { describedKeyOf, keyOf, plainValue, searchedMetadata } from './record-text.ts';
import type { RecordTarget, Target } from './target.ts';
import type { LoadWork, LoopWork, Measurement, SearchWork } from './work.ts';
import { bulkKeys, searchMatches } from './work.ts';

export function measurementOf(recorder: LatencyRecorder, elapsedMs: number): Measurement {
  return {
    operations: recorder.count,
    opsPerSecond: (recorder.count * 1000) / elapsedMs,
    p50Ms: recorder.quantileMs(0.5),
    p99Ms: recorder.quantileMs(0.99),
  };
}

/** Runs the operation of each caller again and again until time is up, each after the one before it. */
export async function runCallers(
  work: { readonly callers: number; readonly durationMs: number },
  seed: number,
  operation: (random: Random) => Promise<void>,
): Promise<Measurement> {
  const recorder = new LatencyRecorder();
  const startMs = performance.now();
  const endMs = startMs + work.durationMs;
  const caller = async (callerSeed: number): Promise<void> => {
    const random = new Random(callerSeed);
    let beforeMs = performance.now();
    while (beforeMs < endMs) {
      await operation(random);
      const afterMs = performance.now();
      recorder.add(afterMs - beforeMs);
      beforeMs = afterMs;
    }
  };
  await Promise.all(Array.from({ length: work.callers }, (_, index) => caller(seed + index * 7919)));
  return measurementOf(recorder, performance.now() - startMs);
}

export function recordsOf(target: Target): RecordTarget {
  if (target.records === undefined) throw new Error('this store has neither metadata nor scans nor feeds');
  return target.records;
}

function distinctKeys(random: Random, keys: number): string[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(bulkKeys, keys)) chosen.add(random.below(keys));
  return Array.from(chosen, keyOf);
}

function operationOf(target: Target, { verb, durability, keys }: LoopWork): (random: Random) => Promise<void> {
  switch (verb) {
    case 'put':
      return async (random) => void (await target.put(keyOf(random.below(keys)), plainValue, durability));
    case 'get':
      return async (random) => {
        const key = keyOf(random.below(keys));
        if (!(await target.get(key, durability))) throw new Error(`the loaded key ${key} is not there`);
      };
    case 'put+metadata': {
      const records = recordsOf(target);
      return async (random) => {
        const index = random.below(keys);
        // One field of a record stays as it is, the other one changes most of the time.
        const metadata = { email: `user-${index}@example.org`, tier: `tier-${random.below(10)}` };
        await records.putWithMetadata(describedKeyOf(index), plainValue, metadata, durability);
      };
    }
    case 'put+quorum': {
      const records = recordsOf(target);
      return async (random) => void (await records.putWithQuorum(keyOf(random.below(keys)), plainValue));
    }
    case 'mput':
      return async (random) => void (await target.putMany(distinctKeys(random, keys), plainValue, durability));
    case 'mget':
      return async (random) => {
        const wanted = distinctKeys(random, keys);
        const found = await target.getMany(wanted, durability);
        if (found !== wanted.length) throw new Error(`${found} of ${wanted.length} loaded keys were found`);
      };
  }
}

export function runLoop(target: Target, work: LoopWork, seed: number): Promise<Measurement> {
  return runCallers(work, seed, operationOf(target, work));
}

export function runSearch(target: Target, work: SearchWork, seed: number): Promise<Measurement> {
  const records = recordsOf(target);
  const expected = work.fields === 1 ? searchMatches : searchMatches / 10;
  return runCallers({ callers: 1, durationMs: work.durationMs }, seed, async (random) => {
    const { team, tier } = searchedMetadata(random.below(work.keys), work.keys);
    const found = await records.search(work.fields === 1 ? { team } : { team, tier });
    if (found !== expected) throw new Error(`a search found ${found} records, not ${expected}`);
  });
}

export async function runScan(target: Target, keys: number): Promise<Measurement> {
  const startMs = performance.now();
  const found = await recordsOf(target).scanAll();
  const elapsedMs = performance.now() - startMs;
  if (found !== keys) throw new Error(`the scan brought ${found} records, not ${keys}`);
  return { operations: found, opsPerSecond: (found * 1000) / elapsedMs, p50Ms: elapsedMs, p99Ms: elapsedMs };
}

export async function runLoad(target: Target, work: LoadWork): Promise<Measurement> {
  const recorder = new LatencyRecorder();
  const records = work.metadata ? recordsOf(target) : undefined;
  const startMs = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < work.keys) {
      const index = next;
      next += 1;
      const beforeMs = performance.now();
      if (records === undefined) await target.load(keyOf(index), plainValue);
      else await records.putWithMetadata(keyOf(index), plainValue, searchedMetadata(index, work.keys), 'memory');
      recorder.add(performance.now() - beforeMs);
    }
  };
  await Promise.all(Array.from({ length: work.callers }, caller));
  const measurement = measurementOf(recorder, performance.now() - startMs);
  await target.settle();
  return measurement;
}
