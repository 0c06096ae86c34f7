/**
 * A fault that needs no search: versions rise, so nothing that was called after somebody had been told a version may
 * speak of a lower one. Most real faults are of this kind, and on a busy key a search for what cannot be found is long.
 */
import type { HistoryOperation } from './history.ts';
import type { TimelineItem } from './key-timeline.ts';

/** The first operation to return of those that came too late for the version that they speak of. */
export function findVersionFault(required: readonly TimelineItem[]): HistoryOperation | undefined {
  const told = required
    .flatMap((item) => (item.latestFloor === undefined ? [] : [{ item, latestFloor: item.latestFloor }]))
    .toSorted((left, right) => left.item.returnMs - right.item.returnMs);
  let returned = 0;
  let highest = 0;
  let fault: TimelineItem | undefined;
  // `required` is in the order of calls.
  for (const item of required) {
    for (let next = told[returned]; next && next.item.returnMs < item.callMs; next = told[returned]) {
      highest = Math.max(highest, next.item.isPure ? next.latestFloor : next.latestFloor + 1);
      returned += 1;
    }
    const isLate = item.latestFloor !== undefined && item.latestFloor < highest;
    if (isLate && (fault === undefined || item.returnMs < fault.returnMs)) fault = item;
  }
  return fault?.source;
}
