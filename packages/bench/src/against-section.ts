/** This build beside another one, each with its own servers, client and driver, in turns: what a change has cost. */
import { compare, singleKeyOperations } from './measure.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load } from './section-context.ts';

export async function measureAgainst(
  context: SectionContext,
  section: 'against' | 'against-replica',
): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const { against, callers, durationMs, smallKeys: keys } = options;
  if (against === undefined) throw new Error(`the section ${section} needs --against DIR`);
  const replicas = section === 'against' ? 0 : 1;
  const subject = await bed.driveCluster('this build', await bed.startCluster(1, replicas));
  const baseline = await bed.driveCluster('the other build', await bed.startCluster(1, replicas, against), 1, against);
  await load(context, subject, keys);
  await load(context, baseline, keys);
  const rows = await compare(
    { section, keys, callers, operations: singleKeyOperations, durationMs, subject, baseline, settle: true },
    options,
    progress,
  );
  return { rows, gauges: [] };
}
