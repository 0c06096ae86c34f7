import { EdisError } from '@edis/core';

/** A seed that broke rules. */
export interface BrokenSeed {
  readonly seed: number;
  readonly rules: readonly string[];
}

/** Of all seeds; where the order of more of them stays undecided, too little is said about the product. */
export const maxUndecidedShare = 0.001;

/** What came of a number of runs. */
export interface SimulationSummary {
  readonly from: number;
  /** So many were run. */
  readonly seeds: number;
  readonly seconds: number;
  readonly events: number;
  readonly operations: number;
  /** Epochs in which somebody led. */
  readonly epochs: number;
  /** Acknowledged `disk` writes that ended in a receipt. */
  readonly receipted: number;
  readonly broken: readonly BrokenSeed[];
  /** Seeds in which the search for an order of some key's operations was given up: they neither held nor broke it. */
  readonly undecided: readonly number[];
  /** Of the run that ended last: the same seed gives the same one, in any process. */
  readonly digest: string;
}

export function emptySummary(from: number): SimulationSummary {
  const figures = { seconds: 0, events: 0, operations: 0, epochs: 0, receipted: 0 };
  return { from, seeds: 0, ...figures, broken: [], undecided: [], digest: '' };
}

export function addSummaries(one: SimulationSummary, next: SimulationSummary): SimulationSummary {
  return {
    from: Math.min(one.from, next.from),
    seeds: one.seeds + next.seeds,
    seconds: one.seconds + next.seconds,
    events: one.events + next.events,
    operations: one.operations + next.operations,
    epochs: one.epochs + next.epochs,
    receipted: one.receipted + next.receipted,
    broken: [...one.broken, ...next.broken].toSorted((left, right) => left.seed - right.seed),
    undecided: [...one.undecided, ...next.undecided].toSorted((left, right) => left - right),
    digest: next.digest,
  };
}

/** No rule was broken, as far as can be said, and that can be said of nearly all seeds. */
export function isSound({ seeds, broken, undecided }: SimulationSummary): boolean {
  return broken.length === 0 && undecided.length <= seeds * maxUndecidedShare;
}

/** For people. */
export function summaryLine(summary: SimulationSummary): string {
  const { from, seeds, seconds, operations, events, epochs, broken, undecided } = summary;
  const done = `${seeds} seeds from ${from} in ${seconds.toFixed(1)} s`;
  const figures = `${operations} operations, ${events} events, ${epochs} epochs`;
  const verdict =
    broken.length === 0 ? 'no rule was broken' : `broke a rule: ${broken.map(({ seed }) => seed).join(', ')}`;
  const open = undecided.length === 0 ? '' : `; undecided: ${undecided.join(', ')}`;
  return `${done}: ${figures}; ${verdict}${open}`;
}

/** Of what a process printed with `--json`. */
export function parseSummary(text: string): SimulationSummary {
  const value: unknown = JSON.parse(text);
  if (!isSummary(value)) throw new EdisError('internal', `no summary of a simulation: ${text.slice(0, 200)}`);
  return value;
}

function isSummary(value: unknown): value is SimulationSummary {
  if (typeof value !== 'object' || value === null) return false;
  const isList = (name: string): boolean => Array.isArray(Reflect.get(value, name));
  return 'seeds' in value && typeof value.seeds === 'number' && isList('broken') && isList('undecided');
}
