import type { HistoryOperation } from './history.ts';

/** What is checked; the names stand in verdicts and documents. */
export const rules = ['linearizable', 'session', 'bounded', 'durable', 'sum', 'replica'] as const;

export type Rule = (typeof rules)[number];

/** One broken rule. */
export interface Finding {
  readonly rule: Rule;
  /** Undefined: it concerns no single key. */
  readonly key: string | undefined;
  /** One sentence. */
  readonly message: string;
  /** The operations that show it, by call. */
  readonly evidence: readonly HistoryOperation[];
}
