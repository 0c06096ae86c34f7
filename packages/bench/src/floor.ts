import type { SectionName } from './options.ts';
import type { LoopWork } from './work.ts';

/**
 * The least that counts as good enough, as a ratio to the baseline of the section: Redis, or in `shards` one write
 * shard on the same cores. What is not listed is measured for information.
 */
interface Floor {
  readonly sections: readonly SectionName[];
  readonly work: Pick<LoopWork, 'verb' | 'callers'> & Partial<Pick<LoopWork, 'durability'>>;
  readonly ratio: number;
}

const floors: readonly Floor[] = [
  { sections: ['small'], work: { verb: 'put', durability: 'memory', callers: 512 }, ratio: 1.2 },
  { sections: ['small'], work: { verb: 'put', durability: 'disk', callers: 512 }, ratio: 1.2 },
  { sections: ['small'], work: { verb: 'get', callers: 512 }, ratio: 1.5 },
  { sections: ['large'], work: { verb: 'put', durability: 'memory', callers: 512 }, ratio: 0.7 },
  { sections: ['large'], work: { verb: 'get', callers: 512 }, ratio: 1 },
  { sections: ['small', 'large'], work: { verb: 'get', callers: 1 }, ratio: 0.7 },
  { sections: ['small', 'large'], work: { verb: 'put', durability: 'memory', callers: 1 }, ratio: 0.5 },
  { sections: ['shards'], work: { verb: 'put', callers: 512 }, ratio: 0.8 },
  { sections: ['shards'], work: { verb: 'get', callers: 512 }, ratio: 0.8 },
];

export function floorOf(
  section: SectionName,
  work: Pick<LoopWork, 'verb' | 'durability' | 'callers'>,
): number | undefined {
  return floors.find(
    (floor) =>
      floor.sections.includes(section) &&
      floor.work.verb === work.verb &&
      floor.work.callers === work.callers &&
      (floor.work.durability === undefined || floor.work.durability === work.durability),
  )?.ratio;
}

/** A write shard that has loaded the large key set keeps its resident memory below this. */
export const residentBytesMax = 600 * 1024 * 1024;

/** A new replica has the large key set and serves within this. */
export const firstSyncMsMax = 20_000;
