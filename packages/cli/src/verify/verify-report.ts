/** The verdict of a verification, for people and for programs. */
import { type Finding, type JudgementFigures, showOperation } from '@edis/checker';
import type { Ack } from '@edis/core';
import { showCount } from '../figure.ts';
import { printableLine } from '../printable.ts';
import type { Fault } from './fault-maker.ts';

export interface VerifyReport {
  readonly interrupted: boolean;
  readonly seed: number;
  readonly ack: Ack;
  readonly callers: number;
  readonly keys: number;
  readonly rounds: number;
  readonly durationMs: number;
  readonly maxStalenessMs: number;
  /** The longest time in which no write at all was acknowledged. */
  readonly longestGapMs: number;
  readonly figures: JudgementFigures;
  readonly acknowledgedWrites: number;
  /** Whether nodes were to be disturbed. */
  readonly wantsFaults: boolean;
  readonly faults: readonly Fault[];
  readonly findings: readonly Finding[];
  /** Keys whose order could not be decided, and keys that could not be read at the end. */
  readonly undecided: readonly string[];
  readonly unread: readonly string[];
}

/** `incomplete`: nothing is broken as far as could be judged, but not everything could be. */
export type Verdict = 'held' | 'violated' | 'incomplete';

export function verdictOf({ findings, undecided, unread, acknowledgedWrites }: VerifyReport): Verdict {
  if (findings.length > 0) return 'violated';
  // Where nothing was written, there is nothing that could have been lost.
  return undecided.length > 0 || unread.length > 0 || acknowledgedWrites === 0 ? 'incomplete' : 'held';
}

export function reportJson(report: VerifyReport) {
  const {
    figures,
    faults,
    findings,
    longestGapMs,
    durationMs,
    maxStalenessMs,
    acknowledgedWrites: _,
    wantsFaults: __,
    ...rest
  } = report;
  return {
    verdict: verdictOf(report),
    ...rest,
    durationMs: Math.round(durationMs),
    maxStalenessMs,
    longestGapMs: Math.round(longestGapMs),
    figures,
    faults: faults.map(({ kind, node, shard, atMs, lastsMs }) => ({
      kind,
      node,
      shard,
      atMs: Math.round(atMs),
      lastsMs: lastsMs === undefined ? null : Math.round(lastsMs),
    })),
    violations: findings.map(({ rule, key, message, evidence }) => ({
      rule,
      key: key ?? null,
      message,
      evidence: evidence.map(showOperation),
    })),
  };
}

/** More violations than that say nothing new; with --json all are printed. */
const maxShown = 5;

export function showReport(report: VerifyReport): string {
  const { figures: f, durationMs, rounds, findings, undecided, unread, maxStalenessMs, ack } = report;
  const count = (value: number, what: string) => `${showCount(value).padStart(9)} ${what}`;
  const verdict = verdictOf(report);
  const lines = [
    `${verdict}: ${showCount(f.operations)} operations in ${(durationMs / 1000).toFixed(1)} s, ${
      rounds === 1 ? '1 round' : `${rounds} rounds`
    }, ack ${ack}, seed ${report.seed}`,
    count(f.ordered, 'writes and strong reads have an order per key that one copy could have had'),
    count(f.sessionReads, 'reads of sessions never went back'),
    count(f.boundedReads, `reads missed nothing that was older than ${maxStalenessMs} ms`),
    count(f.durableWrites, 'acknowledged writes are there at the end, or replaced by later ones'),
    count(f.sums, 'sums are those of their increments'),
    count(f.members, 'members at equal places hold the same'),
    count(f.unknown, `outcomes are unknown, ${showCount(f.failed)} operations failed`),
  ];
  if (verdict === 'violated') lines.splice(1, 5);
  for (const fault of report.faults) lines.push(`          ${showFault(fault)}`);
  if (report.faults.length > 0) {
    lines.push(`          the longest time without an acknowledged write was ${Math.round(report.longestGapMs)} ms`);
  }
  if (report.wantsFaults && report.faults.length === 0) {
    lines.push('no node was disturbed: none that may be runs on this machine and has another member beside it');
  }
  if (report.acknowledgedWrites === 0) lines.push('no write was acknowledged');
  if (undecided.length > 0) lines.push(`not decided within the limit: ${undecided.length} keys`);
  if (unread.length > 0) lines.push(`not readable at the end: ${unread.length} keys`);
  for (const finding of findings.slice(0, maxShown)) lines.push('', ...showFinding(finding));
  if (findings.length > maxShown) lines.push('', `and ${findings.length - maxShown} more; --json has them all`);
  return lines.join('\n');
}

function showFault({ kind, node, shard, atMs, lastsMs }: Fault): string {
  const at = `${(atMs / 1000).toFixed(1)} s`;
  if (kind === 'kill') return `at ${at} ${node} of ${shard} was killed`;
  return `at ${at} ${node} of ${shard} was paused for ${Math.round(lastsMs ?? 0)} ms`;
}

function showFinding({ rule, key, message, evidence }: Finding): string[] {
  const where = key === undefined ? '' : ` of ${printableLine(key)}`;
  return [
    `VIOLATED ${rule}${where}: ${printableLine(message)}`,
    ...evidence.map((operation) => `  ${printableLine(showOperation(operation))}`),
  ];
}
