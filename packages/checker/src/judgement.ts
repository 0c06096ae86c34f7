/** All rules about one history, and the figures that show how much was judged. */
import { checkBoundedStaleness } from './bounded-staleness.ts';
import { checkDurability, type FinalState } from './durability.ts';
import type { Finding } from './finding.ts';
import type { HistoryOperation } from './history.ts';
import { isRead } from './history.ts';
import { checkIncrementSums } from './increment-sum.ts';
import { checkLinearizability } from './linearizability.ts';
import type { Loss } from './loss.ts';
import { checkReplicas, type MemberDump } from './replica-agreement.ts';
import { checkSessions } from './session-order.ts';

export interface Evidence {
  readonly history: readonly HistoryOperation[];
  readonly final: FinalState;
  readonly losses?: readonly Loss[];
  readonly dumps?: readonly MemberDump[];
  /** Whether all members must be level by now. */
  readonly settled?: boolean;
}

export interface Judgement {
  readonly findings: readonly Finding[];
  /** Keys whose order could not be decided within the limit. */
  readonly undecided: readonly string[];
  readonly figures: JudgementFigures;
}

export interface JudgementFigures {
  readonly operations: number;
  readonly reads: number;
  readonly writes: number;
  /** Writes that had no effect for sure, and reads without an answer. */
  readonly failed: number;
  readonly unknown: number;
  /** Operations that were put into one order per key. */
  readonly ordered: number;
  readonly sessionReads: number;
  readonly boundedReads: number;
  /** Acknowledged writes that were looked for at the end. */
  readonly durableWrites: number;
  /** Of them, those that stand in a receipt. */
  readonly receipted: number;
  readonly sums: number;
  readonly members: number;
}

export function judge({ history, final, losses = [], dumps = [], settled = false }: Evidence): Judgement {
  const order = checkLinearizability(history, { losses });
  const sessions = checkSessions(history, { losses });
  const bounded = checkBoundedStaleness(history, { losses });
  const durable = checkDurability(history, final, { losses });
  const sums = checkIncrementSums(history, final, { losses });
  const replicas = checkReplicas(dumps, settled);
  const count = (matches: (operation: HistoryOperation) => boolean) => history.filter(matches).length;
  return {
    findings: [order, sessions, bounded, durable, sums].flatMap(({ findings }) => findings).concat(replicas),
    undecided: order.undecided,
    figures: {
      operations: history.length,
      reads: count(isRead),
      writes: count((one) => !isRead(one)),
      failed: count(({ ending }) => ending.status === 'failed'),
      unknown: count(({ ending }) => ending.status === 'unknown'),
      ordered: order.operationCount,
      sessionReads: sessions.readCount,
      boundedReads: bounded.readCount,
      durableWrites: durable.writeCount,
      receipted: durable.receiptedCount,
      sums: sums.keyCount,
      members: dumps.length,
    },
  };
}

/** The figures of several judgements together. */
export function addFigures(left: JudgementFigures, right: JudgementFigures): JudgementFigures {
  return {
    operations: left.operations + right.operations,
    reads: left.reads + right.reads,
    writes: left.writes + right.writes,
    failed: left.failed + right.failed,
    unknown: left.unknown + right.unknown,
    ordered: left.ordered + right.ordered,
    sessionReads: left.sessionReads + right.sessionReads,
    boundedReads: left.boundedReads + right.boundedReads,
    durableWrites: left.durableWrites + right.durableWrites,
    receipted: left.receipted + right.receipted,
    sums: left.sums + right.sums,
    members: Math.max(left.members, right.members),
  };
}
