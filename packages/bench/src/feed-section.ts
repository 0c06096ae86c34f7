/** One process writes at a fixed rate, another one watches. */

import { feedLagMsMax, feedWritesPerSecond } from './floor.ts';
import { gauge, medianValue } from './gauge.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load } from './section-context.ts';
import type { Measurement } from './work.ts';

/** Of what is wanted, because timers and the last answers take their part of a round. */
const pacedShare = 1.04;

interface FeedRound {
  readonly written: Measurement;
  readonly seen: Measurement;
}

export async function measureFeed(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.smallKeys;
  const cluster = await bed.startCluster(1, 0);
  const writer = await bed.driveCluster('writer', cluster);
  const watcher = await bed.driveCluster('watcher', cluster);
  await load(context, writer, keys);
  const run = async (durationMs: number): Promise<FeedRound> => {
    await watcher.run({ kind: 'feed', act: 'begin' });
    const written = await writer.run({
      kind: 'paced',
      ratePerSecond: feedWritesPerSecond * pacedShare,
      keys,
      durationMs,
    });
    await writer.run({ kind: 'feed', act: 'mark' });
    const seen = await watcher.run({ kind: 'feed', act: 'end' });
    if (seen.operations !== written.operations) {
      throw new Error(`the watcher saw ${seen.operations} of ${written.operations} changes`);
    }
    return { written, seen };
  };
  await run(options.warmUpMs);
  const rounds: FeedRound[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const measured = await run(options.durationMs);
    rounds.push(measured);
    const { written, seen } = measured;
    progress(
      `feed: ${Math.round(written.opsPerSecond)} writes/s, seen at ${Math.round(seen.opsPerSecond)}/s, ` +
        `lag p50 ${seen.p50Ms.toFixed(1)} ms, p99 ${seen.p99Ms.toFixed(1)} ms`,
    );
  }
  const median = (figure: (round: FeedRound) => number): number => medianValue(rounds.map(figure));
  const reached = { kind: 'at least', limit: feedWritesPerSecond } as const;
  return {
    rows: [],
    gauges: [
      gauge(
        'paced writes while one watcher follows',
        median(({ written }) => written.opsPerSecond),
        '/s',
        reached,
      ),
      gauge(
        'changes that the watcher saw',
        median(({ seen }) => seen.opsPerSecond),
        '/s',
        reached,
      ),
      gauge(
        'p50 from put to watcher',
        median(({ seen }) => seen.p50Ms),
        'ms',
      ),
      gauge(
        'p99 from put to watcher',
        median(({ seen }) => seen.p99Ms),
        'ms',
        { kind: 'below', limit: feedLagMsMax },
      ),
    ],
  };
}
