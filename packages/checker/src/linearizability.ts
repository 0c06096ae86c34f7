/**
 * Strong reads and writes of each key have an order that one copy of the record could have carried out, and that keeps
 * the order in time of operations that did not overlap.
 */
import { explainViolation } from './explanation.ts';
import type { Finding } from './finding.ts';
import type { HistoryOperation } from './history.ts';
import { byKey, isRead } from './history.ts';
import type { Loss } from './loss.ts';
import { judgeKey } from './minimal-prefix.ts';

export interface LinearizabilityOptions {
  /** Acknowledged writes that may vanish, and when. */
  readonly losses?: readonly Loss[];
  /**
   * Which operations are judged.
   * @default every write, and every read that is `strong` or says nothing of its consistency
   */
  readonly judges?: (operation: HistoryOperation) => boolean;
  /**
   * How long one key may take before it is called undecided.
   * @default 50 000 000 looks at an operation, some seconds
   */
  readonly maxStepsPerKey?: number;
  /**
   * How long all may take together. Keys whose turn comes later get what a key without difficulties needs.
   * @default 200 000 000 looks, less than a minute
   */
  readonly maxSteps?: number;
}

export interface LinearizabilityVerdict {
  readonly findings: readonly Finding[];
  readonly operationCount: number;
  readonly keyCount: number;
  /** Keys about which nothing can be said within the limit. */
  readonly undecided: readonly string[];
}

const defaultMaxStepsPerKey = 50_000_000;
const defaultMaxSteps = 200_000_000;
/** For each operation: a key whose operations find their places without a detour needs about as many as callers. */
const easyStepsPerOperation = 200;
/** Finding the shortest beginning takes longer than finding that there is a violation; nobody reads that many. */
const maxExplained = 10;

export function checkLinearizability(
  history: readonly HistoryOperation[],
  options: LinearizabilityOptions = {},
): LinearizabilityVerdict {
  const {
    losses = [],
    judges = isStrong,
    maxStepsPerKey = defaultMaxStepsPerKey,
    maxSteps = defaultMaxSteps,
  } = options;
  const findings: Finding[] = [];
  const undecided: string[] = [];
  const judged = history.filter(judges);
  const keys = byKey(judged);
  let left = maxSteps;
  for (const [key, operations] of keys) {
    const limit = Math.min(maxStepsPerKey, Math.max(left, operations.length * easyStepsPerOperation));
    const verdict = judgeKey(key, operations, losses, limit, findings.length < maxExplained);
    left -= verdict.steps;
    if (verdict.kind === 'violated') findings.push(explainViolation(key, operations, verdict.blocked, verdict.records));
    if (verdict.kind === 'undecided') undecided.push(key);
  }
  return { findings, operationCount: judged.length, keyCount: keys.size, undecided };
}

function isStrong(operation: HistoryOperation): boolean {
  return !isRead(operation) || operation.consistency === undefined || operation.consistency === 'strong';
}
