/** What is counted in one round of a soak. */
import { type HistoryOperation, isAnswered, isRead, type JudgementFigures } from '@edis/checker';
import type { Ack } from '@edis/core';
import type { Fault } from '@edis/testkit';

/** Shorter ones are no unavailability, only a busy machine. */
export const shortestGapMs = 500;

export interface RoundFigures {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly figures: JudgementFigures;
  readonly writesByAck: Readonly<Record<Ack, AckFigures>>;
  /** Times in which no write of a shard was acknowledged. */
  readonly gapsMs: readonly number[];
  /** Changes of a primary. */
  readonly failovers: number;
  /** From the healing until every member voted and was level. */
  readonly convergedMs: number;
  /** Keys whose order could not be decided within the limit. */
  readonly undecided: number;
  readonly violations: readonly string[];
}

export interface AckFigures {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failed: number;
}

export interface Distribution {
  readonly count: number;
  readonly median: number;
  readonly p90: number;
  readonly longest: number;
}

export function countByAck(history: readonly HistoryOperation[]): Record<Ack, AckFigures> {
  const of = (ack: Ack): AckFigures => {
    const writes = history.filter((one) => !isRead(one) && one.ack === ack);
    const count = (status: HistoryOperation['ending']['status']) =>
      writes.filter(({ ending }) => ending.status === status).length;
    return { acknowledged: count('ok'), unknown: count('unknown'), failed: count('failed') };
  };
  return { memory: of('memory'), disk: of('disk'), quorum: of('quorum') };
}

/** Times between two acknowledged writes of one shard that are longer than `shortestGapMs`. */
export function gapsOf(history: readonly HistoryOperation[]): number[] {
  const last = new Map<string, number>();
  const gapsMs: number[] = [];
  const writes = history.filter(isAnswered).filter((one) => !isRead(one));
  for (const { ending } of writes.toSorted((left, right) => left.ending.returnMs - right.ending.returnMs)) {
    const shard = ending.place?.shard ?? '';
    const gapMs = ending.returnMs - (last.get(shard) ?? ending.returnMs);
    if (gapMs >= shortestGapMs) gapsMs.push(gapMs);
    last.set(shard, ending.returnMs);
  }
  return gapsMs;
}

export function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return { count: sorted.length, median: at(0.5), p90: at(0.9), longest: Math.round(sorted.at(-1) ?? 0) };
}
