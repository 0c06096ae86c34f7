import { readFile } from 'node:fs/promises';

/** How a gauge is judged; undefined: it is shown for information. */
export type Bound = { readonly kind: 'below' | 'at least'; readonly limit: number } | undefined;

/** One figure that stands for itself, where a ratio says nothing. */
export interface Gauge {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bound: Bound;
  readonly passed: boolean;
}

export function gauge(name: string, value: number, unit: string, bound?: Bound): Gauge {
  const passed = bound === undefined || (bound.kind === 'below' ? value < bound.limit : value >= bound.limit);
  return { name, value, unit, bound, passed };
}

/** The value in the middle; of an even number of values the lower one of the two. */
export function medianValue(values: readonly number[]): number {
  return quantileValue(values, 0.5);
}

/** The value that a share `q` of the values does not exceed. */
export function quantileValue(values: readonly number[], q: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * q) - 1)];
  if (value === undefined) throw new Error('there was no round');
  return value;
}

/** Resident memory of a process of this machine. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const match = /^VmRSS:\s+(\d+) kB/m.exec(status);
  if (match === null) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(match[1]) * 1024;
}
