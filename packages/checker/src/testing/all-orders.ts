/** Judges a short history by trying every order there is: too simple to be wrong, too slow to be of use. */
import type { HistoryOperation } from '../history.ts';
import { isRead, returnOf } from '../history.ts';
import { stepItem, type TimelineItem, timelineOf } from '../key-timeline.ts';
import type { Loss } from '../loss.ts';
import { emptyRegister, type RegisterState, stepRegister } from '../register.ts';

export function hasSomeOrder(operations: readonly HistoryOperation[]): boolean {
  const candidates = operations.filter(({ ending }) => ending.status !== 'failed');
  return canPlace(
    candidates.filter((one) => !isRead(one) || one.ending.status === 'ok'),
    emptyRegister,
  );
}

function canPlace(left: readonly HistoryOperation[], state: RegisterState): boolean {
  if (left.every(({ ending }) => ending.status === 'unknown')) return true;
  return left.some((one) => {
    if (left.some((other) => other !== one && returnOf(other) < one.callMs)) return false;
    const answer = one.ending.status === 'ok' ? one.ending.answer : undefined;
    const next = stepRegister(state, { call: one.call, answer, losses: [] });
    return (
      next !== undefined &&
      canPlace(
        left.filter((other) => other !== one),
        next,
      )
    );
  });
}

/** The same with losses, of one key: what the timeline makes of them is taken for granted. */
export function hasSomeOrderWithLosses(key: string, operations: readonly HistoryOperation[], losses: readonly Loss[]) {
  const { required, optional } = timelineOf(key, operations, losses);
  return canPlaceItems([...required, ...optional], new Set(), emptyRegister);
}

function canPlaceItems(left: readonly TimelineItem[], gone: ReadonlySet<number>, state: RegisterState): boolean {
  if (left.every(({ returnMs }) => returnMs === Number.POSITIVE_INFINITY)) return true;
  return left.some((one) => {
    const others = left.filter((other) => other !== one);
    if (others.some(({ returnMs }) => returnMs < one.callMs) || one.takenBy.some((loss) => gone.has(loss)))
      return false;
    const { loss } = one;
    const isOwed = ({ takenBy, returnMs }: TimelineItem) =>
      loss !== undefined && takenBy.includes(loss) && returnMs < Number.POSITIVE_INFINITY;
    if (others.some(isOwed)) return false;
    const next = stepItem(state, one);
    return next !== undefined && canPlaceItems(others, loss === undefined ? gone : new Set([...gone, loss]), next);
  });
}
