/**
 * Judges one key, and if its history is violated finds the shortest beginning that is: everything until one return,
 * after which the operation that returned has no place, though all that had returned earlier have one.
 *
 * At that moment the operations that are still under way have an unknown outcome; what they were told later is not used
 * to blame somebody else. A beginning of a history that holds, holds; so bisection finds the end of the shortest one.
 */
import type { HistoryOperation } from './history.ts';
import { beginningOf, isAnswered } from './history.ts';
import { KeySearch, type KeyVerdict } from './key-search.ts';
import { timelineOf } from './key-timeline.ts';
import type { Loss } from './loss.ts';
import { findVersionFault } from './version-order.ts';

/** For each of some dozen searches; the whole history was searched already. */
const maxStepsForBlame = 3_000_000;

export function judgeKey(
  key: string,
  operations: readonly HistoryOperation[],
  losses: readonly Loss[],
  maxSteps: number,
  shortens: boolean,
): KeyVerdict {
  const timeline = timelineOf(key, operations, losses);
  // A loss brings lower versions back.
  const isCertain = [...timeline.required, ...timeline.optional].every(({ takenBy }) => takenBy.length === 0);
  const late = isCertain ? findVersionFault(timeline.required) : undefined;
  if (late !== undefined) return { kind: 'violated', steps: 0, blocked: late, records: [] };
  const whole = new KeySearch(timeline, maxSteps).run();
  if (whole.kind !== 'violated' || !shortens) return whole;
  const returns = operations
    .filter(isAnswered)
    .map((one) => one.ending.returnMs)
    .toSorted((left, right) => left - right);
  let low = 0;
  let high = returns.length - 1;
  let shortest = whole;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const untilMs = returns[middle] ?? 0;
    const verdict = new KeySearch(timelineOf(key, beginningOf(operations, untilMs), losses), maxStepsForBlame).run();
    if (verdict.kind === 'undecided') return shortest;
    if (verdict.kind === 'violated') {
      shortest = lastReturned(verdict, operations, untilMs);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return shortest;
}

type Violated = Extract<KeyVerdict, { readonly kind: 'violated' }>;

/** The operation that the last return of a shortened history belongs to is the one without a place. */
function lastReturned(verdict: Violated, operations: readonly HistoryOperation[], untilMs: number): Violated {
  const blocked = operations.find((one) => isAnswered(one) && one.ending.returnMs === untilMs);
  return blocked === undefined ? verdict : { ...verdict, blocked };
}
