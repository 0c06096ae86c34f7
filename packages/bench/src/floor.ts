import type { SectionName } from './options.ts';

/**
 * The least that counts as good enough, as a ratio to the baseline of the section: Redis; in `shards` one write shard
 * on the same cores; in `metadata` the same put without metadata; in `quorum` the same put that waits for the primary's
 * disk alone; in `against` and `against-replica` the same of the other build. What is not listed is measured for
 * information.
 */
interface Floor {
  readonly sections: readonly SectionName[];
  readonly operations: readonly string[];
  readonly callers: readonly number[];
  readonly ratio: number;
}

const floors: readonly Floor[] = [
  { sections: ['small'], operations: ['put memory', 'put disk'], callers: [512], ratio: 1.2 },
  { sections: ['small'], operations: ['get'], callers: [512], ratio: 1.5 },
  { sections: ['large'], operations: ['put memory'], callers: [512], ratio: 0.7 },
  { sections: ['large'], operations: ['get'], callers: [512], ratio: 1 },
  { sections: ['small', 'large'], operations: ['get'], callers: [1], ratio: 0.7 },
  { sections: ['small', 'large'], operations: ['put memory'], callers: [1], ratio: 0.5 },
  { sections: ['shards'], operations: ['put memory', 'put disk', 'get'], callers: [512], ratio: 0.8 },
  { sections: ['quorum'], operations: ['put quorum'], callers: [512], ratio: 0.5 },
  { sections: ['against', 'against-replica'], operations: ['put memory', 'put disk'], callers: [512], ratio: 0.9 },
  { sections: ['bulk'], operations: ['mput memory', 'mput disk', 'mget'], callers: [16], ratio: 2 },
  {
    sections: ['metadata'],
    operations: ['put+metadata memory', 'put+metadata disk'],
    callers: [512],
    ratio: 0.5,
  },
];

export function floorOf(section: SectionName, operation: string, callers: number): number | undefined {
  return floors.find(
    (floor) =>
      floor.sections.includes(section) && floor.operations.includes(operation) && floor.callers.includes(callers),
  )?.ratio;
}

/** A write shard that has loaded the large key set keeps its resident memory below this; one under overload, too. */
export const residentBytesMax = 600_000_000;

/** A new replica has the large key set and serves within this. */
export const firstSyncMsMax = 20_000;

/** An ordered scan over three shards by one caller. */
export const scanRecordsPerSecondMin = 150_000;

/** A search of which 100 records are the result, asked of the shard itself; the median. */
export const searchMsMax = 5;

/** A put among 99 of 100 is not kept longer than this while very many records expire: nobody takes it for an outage. */
export const expiringPutMsMax = 250;

/** A feed keeps up with that many writes per second, and brings 99 of 100 within that time of their put. */
export const feedWritesPerSecond = 50_000;
export const feedLagMsMax = 100;

/** After kill -9 of a primary; the median: twice the default lease. */
export const unavailableMsMax = 4_000;
/** Replicas go on meanwhile: half a lease, because a process that starts again takes the cores from them. */
export const readGapMsMax = 1_000;
/** No write waits longer for a planned hand-over. */
export const handOverHoldMsMax = 300;

/** A cluster of `createTestCluster`, as it is without options, in a process that has started one before; the median. */
export const testClusterMsMax = 1_000;

/** What one client with ten times their load may add to the 99th percentile of the others, in percent. */
export const overloadMovedPercentMax = 20;

/** The default of a shard's `--queue-operations`: what may wait, whatever is offered. */
export const queueOperationsMax = 16_384;
