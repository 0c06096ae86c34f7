/**
 * The operations of unknown outcome of one key, and those of them that are worth a try at some place of the search:
 * what the next operation would see. Most are writes of values that nobody ever reads, and are not even looked at.
 *
 * Those that cannot be told apart stand in one group and come in the order of their calls; so what is placed of a group
 * is always its beginning.
 */
import type { TimelineItem } from './key-timeline.ts';
import type { RegisterState } from './register.ts';
import { hasOne } from './sorted-indexes.ts';

interface Group {
  /** Ascending, by call. */
  readonly indexes: number[];
  /** Of the first. */
  readonly callMs: number;
  /** Any item of it. */
  readonly sample: TimelineItem;
}

interface Placed {
  readonly chosen: readonly number[];
  readonly state: RegisterState;
}

export interface Candidates {
  readonly indexes: readonly number[];
  /** Of the record, that somebody who may come next speaks of. */
  readonly values: ReadonlySet<string>;
  /** How many were looked at. */
  readonly looks: number;
}

export class OptionalItems {
  readonly items: readonly TimelineItem[];
  /** All, by the first call. */
  readonly #groups: readonly Group[];
  /** Those that leave what depends on what was there: somebody may always see it. */
  readonly #uncertain: readonly Group[];
  readonly #removing: readonly Group[];
  readonly #byValue: ReadonlyMap<string, readonly Group[]>;
  /** Those that see something themselves. */
  readonly #seeing: readonly Group[];

  constructor(items: readonly TimelineItem[]) {
    this.items = items;
    const groups = new Map<string, Group>();
    for (const [index, item] of items.entries()) {
      const group = groups.get(item.likeness);
      if (group === undefined) groups.set(item.likeness, { indexes: [index], callMs: item.callMs, sample: item });
      else group.indexes.push(index);
    }
    this.#groups = [...groups.values()];
    this.#uncertain = this.#groups.filter(({ sample }) => sample.leaves === 'anything');
    this.#removing = this.#groups.filter(({ sample }) => sample.leaves === 'nothing');
    this.#seeing = this.#groups.filter(({ sample }) => sample.sight !== 'nothing' || sample.seesAbsence);
    const byValue = new Map<string, Group[]>();
    for (const group of this.#groups) {
      const { leaves } = group.sample;
      if (typeof leaves === 'object') byValue.set(leaves.value, [...(byValue.get(leaves.value) ?? []), group]);
    }
    this.#byValue = byValue;
  }

  /** @param open required items that may come next */
  candidates({ chosen, state }: Placed, open: readonly TimelineItem[], limitMs: number): Candidates {
    const values = new Set<string>();
    let looks = open.length;
    let seesAnyRecord = false;
    let seesNone = false;
    const note = ({ sight, seesAbsence }: TimelineItem) => {
      if (typeof sight === 'object') values.add(sight.value);
      else if (sight === 'something') seesAnyRecord = true;
      else if (sight === 'presence' && state.record === undefined) seesAnyRecord = true;
      seesNone ||= seesAbsence;
    };
    for (const item of open) note(item);
    for (const group of this.#seeing) {
      if ((seesAnyRecord && seesNone) || group.callMs > limitMs) break;
      looks += 1;
      if (next(group, chosen) !== undefined) note(group.sample);
    }
    const groups = [
      ...(seesAnyRecord ? this.#byValue.values() : [...values].map((value) => this.#byValue.get(value) ?? [])),
      this.#uncertain,
      seesNone ? this.#removing : [],
    ].flat();
    const indexes: number[] = [];
    for (const group of groups) {
      looks += 1;
      const index = group.callMs > limitMs ? undefined : next(group, chosen);
      if (index !== undefined && (this.items[index]?.callMs ?? Number.POSITIVE_INFINITY) <= limitMs) {
        indexes.push(index);
      }
    }
    return { indexes: indexes.toSorted((left, right) => left - right), values, looks };
  }
}

/** The first of a group that is not placed. */
function next({ indexes }: Group, chosen: readonly number[]): number | undefined {
  let low = 0;
  let high = indexes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hasOne(chosen, indexes[middle] ?? -1)) low = middle + 1;
    else high = middle;
  }
  return indexes[low];
}
