/**
 * Writes of unknown outcome that were done for sure, because somebody read what only they can have written. Their
 * version is then known too, and the search need not try them at every place where nothing else leads on.
 */
import type { HistoryOperation } from './history.ts';
import { isAnswered, isRead } from './history.ts';

export interface SeenWrite {
  readonly version: number;
  /** It was done before this: the first return of those that read it. */
  readonly untilMs: number;
}

/** @param operations all of one key */
export function findSeenWrites(operations: readonly HistoryOperation[]): Map<HistoryOperation, SeenWrite> {
  const writers = new Map<string, HistoryOperation[]>();
  for (const one of operations) {
    if (isRead(one) || one.ending.status === 'failed') continue;
    // What these leave depends on what was there, and may be any value.
    if (one.call.kind === 'increment' || one.call.kind === 'append') return new Map();
    if ('value' in one.call) writers.set(one.call.value, [...(writers.get(one.call.value) ?? []), one]);
  }
  const seen = new Map<HistoryOperation, SeenWrite>();
  const repeated = new Set<HistoryOperation>();
  for (const { ending } of operations.filter(isAnswered)) {
    const { answer, returnMs } = ending;
    if (answer.kind !== 'found' || answer.version === undefined) continue;
    const [writer, ...others] = writers.get(answer.value) ?? [];
    if (writer === undefined || others.length > 0 || isAnswered(writer)) continue;
    const known = seen.get(writer);
    // Seen as two: it was done again after a loss, or twice, which the search has to judge.
    if (known !== undefined && known.version !== answer.version) repeated.add(writer);
    seen.set(writer, { version: answer.version, untilMs: Math.min(known?.untilMs ?? returnMs, returnMs) });
  }
  for (const writer of repeated) seen.delete(writer);
  return seen;
}
