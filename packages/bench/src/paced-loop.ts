import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyRecorder } from './latency.ts';
import { measurementOf } from './loop.ts';
import { Pace } from './pace.ts';
import { Random } from './random.ts';
import { keyOf, machineMs, stampedValue } from './record-text.ts';
import type { Target } from './target.ts';
import type { Measurement, PacedWork } from './work.ts';

/** Unanswered puts of one client: about a second of the highest rate. What is held back counts as late. */
const maxUnanswered = 65_536;
/** Operations that fall due within a tick leave together. A spinning loop would take the cores from the servers. */
const tickMs = 1;

async function runClient(
  target: Target,
  work: PacedWork,
  startMs: number,
  seed: number,
  recorder: LatencyRecorder,
): Promise<void> {
  const random = new Random(seed);
  const pace = new Pace(startMs, work.ratePerSecond, work.durationMs);
  const failures: unknown[] = [];
  let unanswered = 0;
  const put = async (dueMs: number): Promise<void> => {
    unanswered += 1;
    try {
      await target.put(keyOf(random.below(work.keys)), stampedValue(machineMs()), 'memory');
      recorder.add(performance.now() - dueMs);
    } catch (error) {
      failures.push(error);
    }
    unanswered -= 1;
  };
  while ((!pace.done || unanswered > 0) && failures.length === 0) {
    const nowMs = performance.now();
    while (unanswered < maxUnanswered) {
      const dueMs = pace.take(nowMs);
      if (dueMs === undefined) break;
      void put(dueMs); // Cannot reject: what fails is noted.
    }
    await sleep(tickMs);
  }
  if (failures.length > 0) throw failures[0];
}

/** All clients at the same rate, none of them in step with another. */
export async function runPaced(targets: readonly Target[], work: PacedWork, seed: number): Promise<Measurement> {
  const recorder = new LatencyRecorder();
  const startMs = performance.now();
  const distanceMs = 1000 / work.ratePerSecond / targets.length;
  await Promise.all(
    targets.map((target, index) =>
      runClient(target, work, startMs + index * distanceMs, seed + index * 7919, recorder),
    ),
  );
  return measurementOf(recorder, performance.now() - startMs);
}
