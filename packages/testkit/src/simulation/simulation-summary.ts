import { EdisError } from '@edis/core';

/** A seed that broke rules. */
export interface BrokenSeed {
  readonly seed: number;
  readonly rules: readonly string[];
}

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
  /** Of the run that ended last: the same seed gives the same one, in any process. */
  readonly digest: string;
}

export function emptySummary(from: number): SimulationSummary {
  return { from, seeds: 0, seconds: 0, events: 0, operations: 0, epochs: 0, receipted: 0, broken: [], digest: '' };
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
    digest: next.digest,
  };
}

/** For people. */
export function summaryLine({ from, seeds, seconds, operations, events, epochs, broken }: SimulationSummary): string {
  const done = `${seeds} seeds from ${from} in ${seconds.toFixed(1)} s`;
  const figures = `${operations} operations, ${events} events, ${epochs} epochs`;
  const verdict =
    broken.length === 0 ? 'no rule was broken' : `broke a rule: ${broken.map(({ seed }) => seed).join(', ')}`;
  return `${done}: ${figures}; ${verdict}`;
}

/** Of what a process printed with `--json`. */
export function parseSummary(text: string): SimulationSummary {
  const value: unknown = JSON.parse(text);
  if (!isSummary(value)) throw new EdisError('internal', `no summary of a simulation: ${text.slice(0, 200)}`);
  return value;
}

function isSummary(value: unknown): value is SimulationSummary {
  if (typeof value !== 'object' || value === null) return false;
  return 'seeds' in value && typeof value.seeds === 'number' && 'broken' in value && Array.isArray(value.broken);
}
