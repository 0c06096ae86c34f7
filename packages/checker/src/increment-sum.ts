/**
 * A key that was only incremented holds the sum of what was acknowledged, and of some of what is unknown. No two
 * increments were told the same sum when all amounts are positive: one of them would have been done on an old state.
 */
import type { FinalState } from './durability.ts';
import type { Finding } from './finding.ts';
import type { Answered, HistoryOperation } from './history.ts';
import { byKey, isAnswered, isRead } from './history.ts';
import { type Loss, LostVersions } from './loss.ts';

export interface IncrementSumVerdict {
  readonly findings: readonly Finding[];
  readonly keyCount: number;
}

export interface IncrementSumOptions {
  readonly losses?: readonly Loss[];
}

/** More sums than that of unknown increments are bounded by the smallest and the largest instead of listed. */
const maxSums = 100_000;

export function checkIncrementSums(
  history: readonly HistoryOperation[],
  final: FinalState,
  { losses = [] }: IncrementSumOptions = {},
): IncrementSumVerdict {
  const lost = new LostVersions(losses);
  const findings: Finding[] = [];
  let keyCount = 0;
  for (const [key, operations] of byKey(history)) {
    const writes = operations.filter((one) => !isRead(one));
    if (writes.length === 0 || writes.some(({ call }) => call.kind !== 'increment') || !final.has(key)) continue;
    keyCount += 1;
    const finding = judgeSum(key, writes, final.get(key)?.value, lost) ?? judgeTwins(key, writes, lost);
    if (finding !== undefined) findings.push(finding);
  }
  return { findings, keyCount };
}

function amountOf({ call }: HistoryOperation): number {
  return call.kind === 'increment' ? call.by : 0;
}

function judgeSum(
  key: string,
  writes: readonly HistoryOperation[],
  value: string | undefined,
  lost: LostVersions,
): Finding | undefined {
  const finding = (message: string): Finding => ({ rule: 'sum', key, message, evidence: [] });
  if (value !== undefined && !/^-?\d+$/.test(value)) return finding(`the sum is ${JSON.stringify(value)}, no number`);
  const done = writes
    .filter((one) => isAnswered(one) && !lost.concerns(one))
    .reduce((sum, one) => sum + amountOf(one), 0);
  const open = writes.filter(({ ending }) => ending.status === 'unknown').map(amountOf);
  const rest = Number(value ?? '0') - done;
  if (isSumOfSome(rest, open)) return undefined;
  const unknown = open.length === 0 ? 'none is unknown' : `${open.length} unknown ones cannot make up for it`;
  return finding(`the sum is ${value ?? 'missing'}, acknowledged increments make ${done}, and ${unknown}`);
}

function isSumOfSome(wanted: number, amounts: readonly number[]): boolean {
  let sums = new Set([0]);
  for (const amount of amounts) {
    sums = new Set([...sums, ...[...sums].map((sum) => sum + amount)]);
    if (sums.size > maxSums) {
      const least = amounts.reduce((sum, one) => sum + Math.min(0, one), 0);
      const most = amounts.reduce((sum, one) => sum + Math.max(0, one), 0);
      return least <= wanted && wanted <= most;
    }
  }
  return sums.has(wanted);
}

function judgeTwins(key: string, writes: readonly HistoryOperation[], lost: LostVersions): Finding | undefined {
  if (writes.some((one) => amountOf(one) <= 0)) return undefined;
  const told = new Map<string, Answered>();
  for (const one of writes) {
    if (!isAnswered(one) || one.ending.answer.kind !== 'summed' || lost.concerns(one)) continue;
    const { value } = one.ending.answer;
    const twin = told.get(value);
    if (twin !== undefined) {
      const message = `#${twin.id} and #${one.id} were both told the sum ${value}`;
      return { rule: 'sum', key, message, evidence: [twin, one] };
    }
    told.set(value, one);
  }
  return undefined;
}
