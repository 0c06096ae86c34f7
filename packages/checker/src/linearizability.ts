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
   * @default 2 000 000 steps, some seconds
   */
  readonly maxStepsPerKey?: number;
}

export interface LinearizabilityVerdict {
  readonly findings: readonly Finding[];
  readonly operationCount: number;
  readonly keyCount: number;
  /** Keys about which nothing can be said within the limit. */
  readonly undecided: readonly string[];
}

const defaultMaxSteps = 2_000_000;
/** Finding the shortest beginning takes longer than finding that there is a violation; nobody reads that many. */
const maxExplained = 10;

export function checkLinearizability(
  history: readonly HistoryOperation[],
  { losses = [], judges = isStrong, maxStepsPerKey = defaultMaxSteps }: LinearizabilityOptions = {},
): LinearizabilityVerdict {
  const findings: Finding[] = [];
  const undecided: string[] = [];
  const judged = history.filter(judges);
  const keys = byKey(judged);
  for (const [key, operations] of keys) {
    const verdict = judgeKey(key, operations, losses, maxStepsPerKey, findings.length < maxExplained);
    if (verdict.kind === 'violated') findings.push(explainViolation(key, operations, verdict.blocked, verdict.records));
    if (verdict.kind === 'undecided') undecided.push(key);
  }
  return { findings, operationCount: judged.length, keyCount: keys.size, undecided };
}

function isStrong(operation: HistoryOperation): boolean {
  return !isRead(operation) || operation.consistency === undefined || operation.consistency === 'strong';
}
