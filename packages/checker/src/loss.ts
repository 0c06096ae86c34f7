/**
 * Writes that a change of epoch is known to have discarded: they stand in receipts, or a member that died for good told
 * of them. They may have been seen until then, and must not be seen afterwards.
 */
import type { HistoryOperation } from './history.ts';
import { isAnswered, versionOf } from './history.ts';

export interface LostWrite {
  readonly key: string;
  /** Undefined: the record was removed. */
  readonly value: string | undefined;
  readonly version: number;
}

/** What one member lost at one time. */
export interface Loss {
  readonly writes: readonly LostWrite[];
  /** When the discarded log ended: not before this … */
  readonly fromMs: number;
  /** … and not after this; undefined: at any time, or later than anybody looked. */
  readonly toMs: number | undefined;
}

/** Knows which answers speak of writes that were lost later. */
export class LostVersions {
  readonly #versions = new Map<string, Set<number>>();
  readonly #removals = new Set<string>();

  constructor(losses: readonly Loss[]) {
    for (const { key, value, version } of losses.flatMap(({ writes }) => writes)) {
      if (value === undefined) this.#removals.add(key);
      this.#versions.set(key, (this.#versions.get(key) ?? new Set()).add(version));
    }
  }

  has(key: string, version: number): boolean {
    return this.#versions.get(key)?.has(version) ?? false;
  }

  /** Whether some removal of the key was lost. */
  hasRemoval(key: string): boolean {
    return this.#removals.has(key);
  }

  /** Whether the answer of an operation speaks of a lost write. */
  concerns(operation: HistoryOperation): boolean {
    const version = isAnswered(operation) ? versionOf(operation.ending.answer) : undefined;
    return version !== undefined && this.has(operation.key, version);
  }
}
