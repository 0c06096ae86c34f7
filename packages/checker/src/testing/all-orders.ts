/** Judges a short history by trying every order there is: too simple to be wrong, too slow to be of use. */
import type { HistoryOperation } from '../history.ts';
import { isRead, returnOf } from '../history.ts';
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
    const next = stepRegister(state, { call: one.call, answer, lost: false });
    return (
      next !== undefined &&
      canPlace(
        left.filter((other) => other !== one),
        next,
      )
    );
  });
}
