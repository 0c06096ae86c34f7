/** What all rounds of a soak come to, for programs and for people. */
import { addFigures, type JudgementFigures } from '@edis/checker';
import type { Ack } from '@edis/core';
import type { Fault } from '@edis/testkit';
import {
  type AckFigures,
  type Distribution,
  distributionOf,
  type RoundFigures,
  shortestGapMs,
} from './soak-figures.ts';

export interface SoakReport {
  readonly seed: number;
  readonly rounds: number;
  readonly minutes: number;
  /** How often each kind happened. */
  readonly faults: Readonly<Record<string, number>>;
  readonly figures: JudgementFigures;
  readonly writesByAck: Readonly<Record<Ack, AckFigures>>;
  /** How often another primary led a shard. */
  readonly failovers: number;
  readonly receipts: number;
  readonly receiptWrites: number;
  readonly gapsMs: Distribution;
  readonly convergedMs: Distribution;
  readonly undecided: number;
  readonly violations: readonly string[];
}

const acks = ['memory', 'disk', 'quorum'] as const satisfies readonly Ack[];

/** @param rounds at least one */
export function reportOf(
  rounds: readonly RoundFigures[],
  minutes: number,
  { count: receipts, writes: receiptWrites }: { readonly count: number; readonly writes: number },
): SoakReport {
  const [first, ...others] = rounds;
  if (first === undefined) throw new Error('a soak has at least one round');
  const faults: Record<string, number> = {};
  for (const kind of rounds.flatMap((round) => round.faults.map(kindOf))) faults[kind] = (faults[kind] ?? 0) + 1;
  const sum = (figure: (round: RoundFigures) => number) => rounds.reduce((total, round) => total + figure(round), 0);
  const byAck = (ack: Ack): AckFigures => ({
    acknowledged: sum(({ writesByAck }) => writesByAck[ack].acknowledged),
    unknown: sum(({ writesByAck }) => writesByAck[ack].unknown),
    failed: sum(({ writesByAck }) => writesByAck[ack].failed),
  });
  return {
    seed: first.seed,
    rounds: rounds.length,
    minutes,
    faults,
    figures: others.reduce((total, { figures }) => addFigures(total, figures), first.figures),
    writesByAck: { memory: byAck('memory'), disk: byAck('disk'), quorum: byAck('quorum') },
    failovers: sum(({ failovers }) => failovers),
    receipts,
    receiptWrites,
    gapsMs: distributionOf(rounds.flatMap(({ gapsMs }) => gapsMs)),
    convergedMs: distributionOf(rounds.map(({ convergedMs }) => convergedMs)),
    undecided: sum(({ undecided }) => undecided),
    violations: rounds.flatMap(({ seed, violations }) => violations.map((text) => `seed ${seed}: ${text}`)),
  };
}

function kindOf(fault: Fault): string {
  return fault.kind === 'act' ? fault.act : fault.kind;
}

export function progressLine(round: RoundFigures, number: number, elapsedMs: number): string {
  const { seed, faults, figures, failovers, convergedMs, violations } = round;
  return (
    `${(elapsedMs / 60_000).toFixed(1).padStart(5)} min  round ${number}, seed ${seed}: ${faults.length} faults, ` +
    `${failovers} failovers, ${figures.operations} operations, ${figures.unknown} unknown, ` +
    `${figures.receipted} in receipts, level after ${Math.round(convergedMs)} ms, ${violations.length} violations`
  );
}

/** A block for a document. */
export function reportMarkdown(report: SoakReport): string {
  const { figures: f, writesByAck, gapsMs, convergedMs } = report;
  const count = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ');
  const spread = ({ count: many, median, p90, longest }: Distribution) =>
    `${count(many)} × median ${count(median)} ms, p90 ${count(p90)} ms, longest ${count(longest)} ms`;
  const faults = Object.entries(report.faults).toSorted(([, left], [, right]) => right - left);
  const rows = [
    ['rounds, seeds', `${report.rounds}, ${report.seed}–${report.seed + report.rounds - 1}`],
    ['faults', faults.map(([kind, times]) => `${count(times)} ${kind}`).join(', ')],
    ['changes of a primary', count(report.failovers)],
    ['operations', `${count(f.operations)}: ${count(f.reads)} reads, ${count(f.writes)} writes`],
    ...acks.map((ack) => {
      const { acknowledged, unknown, failed } = writesByAck[ack];
      return [
        `\`${ack}\` writes`,
        `${count(acknowledged)} acknowledged, ${count(unknown)} of unknown outcome, ${count(failed)} refused`,
      ];
    }),
    ['put into one order per key', count(f.ordered)],
    ['reads of sessions, bounded reads', `${count(f.sessionReads)}, ${count(f.boundedReads)}`],
    ['acknowledged `disk` and `quorum` writes looked for at the end', count(f.durableWrites)],
    ['of them only in a receipt (`disk`)', count(f.receipted)],
    ['receipts, writes in them', `${count(report.receipts)}, ${count(report.receiptWrites)}`],
    [`times without an acknowledged write of a shard, from ${shortestGapMs} ms`, spread(gapsMs)],
    ['from healing until all members are level', spread(convergedMs)],
    ['keys not decided', count(report.undecided)],
    ['**violations**', `**${report.violations.length}**`],
  ];
  return [
    `| ${report.minutes} minutes of faults | |`,
    '|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
