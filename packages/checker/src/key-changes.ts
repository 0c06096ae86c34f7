/** What is known about the versions of one key, for rules about old reads. */
import type { Answered, HistoryOperation } from './history.ts';
import { hasChanged, isAnswered, isRemoval, versionOf } from './history.ts';

export class KeyChanges {
  /** Answered changes of known version, by version. */
  readonly changes: readonly Answered[];
  readonly #removals: readonly Answered[];
  readonly #uncertainRemovals: readonly HistoryOperation[];

  /** @param operations all of one key */
  constructor(operations: readonly HistoryOperation[]) {
    this.changes = operations
      .filter(isAnswered)
      .filter((one) => hasChanged(one) && changedVersion(one) > 0)
      .toSorted((left, right) => changedVersion(left) - changedVersion(right));
    this.#removals = this.changes.filter(isRemoval);
    this.#uncertainRemovals = operations.filter((one) => isRemoval(one) && one.ending.status === 'unknown');
  }

  /** Whether somebody who knows that version may find no record before that moment. */
  mayBeGone(version: number, beforeMs: number): boolean {
    return (
      this.#uncertainRemovals.some(({ callMs }) => callMs <= beforeMs) ||
      this.firstRemoval(version, beforeMs) !== undefined
    );
  }

  /** The first removal above a version that was called before a moment. */
  firstRemoval(version: number, beforeMs: number): Answered | undefined {
    return this.#removals.find((one) => changedVersion(one) > version && one.callMs <= beforeMs);
  }

  get hasUncertainRemovals(): boolean {
    return this.#uncertainRemovals.length > 0;
  }
}

/** 0: not known. */
export function changedVersion({ ending }: Answered): number {
  return versionOf(ending.answer) ?? 0;
}
