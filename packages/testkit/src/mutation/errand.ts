/**
 * What a hunt and whoever sends it tell each other, as JSON. Both are built from the same sources, so that a text is
 * looked at no closer than it takes to tell a wrong one from a right one.
 */
import type { ScenarioPlan } from '../simulation/cluster-scenario.ts';

/** What a hunt is to run: plans first, then single seeds, then a range of them. */
export interface Errand {
  readonly plans: readonly ScenarioPlan[];
  readonly seeds: readonly number[];
  readonly from: number;
  readonly count: number;
  /** Only breaches of these rules count; none named: all do. */
  readonly rules: readonly string[];
  /** It ends with so many catches. */
  readonly enough: number;
  /** Runs that may be spent on leaving faults out of what was caught. */
  readonly shrinkRuns: number;
  /** What was caught comes with its trace. */
  readonly describes: boolean;
}

/** A run that broke a rule. */
export interface Prey {
  readonly seed: number;
  readonly rule: string;
  readonly what: string;
  readonly plan: ScenarioPlan;
  /** Its trace, if that was asked for. */
  readonly story: string;
}

export interface Catch {
  readonly runs: number;
  readonly caught: readonly Prey[];
  /** Breaches of rules that did not count. */
  readonly others: readonly string[];
  readonly cpuMs: number;
}

export function parseErrand(text: string): Errand {
  return checked(JSON.parse(text), (value): value is Errand => hasField(value, 'plans') && hasField(value, 'enough'));
}

export function parseCatch(text: string): Catch {
  return checked(JSON.parse(text), (value): value is Catch => hasField(value, 'runs') && hasField(value, 'caught'));
}

export function parsePlans(text: string): readonly ScenarioPlan[] {
  return checked(JSON.parse(text), (value): value is ScenarioPlan[] => {
    return Array.isArray(value) && value.every((one) => hasField(one, 'seed') && hasField(one, 'faults'));
  });
}

function hasField(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value;
}

function checked<T>(value: unknown, is: (value: unknown) => value is T): T {
  if (!is(value)) throw new Error(`this is not what was expected: ${JSON.stringify(value).slice(0, 200)}`);
  return value;
}
