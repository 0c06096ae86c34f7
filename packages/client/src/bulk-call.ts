import type { EdisError } from '@edis/core';
import type { BulkItem } from './bulk-item.ts';
import type { DeadlineEntry } from './deadline-list.ts';
import type { CallParts, PendingOperation } from './pending-operation.ts';

/** What all operations of a bulk have in common; the timeout is that of the whole, as messages name it. */
export type BulkTerms = Pick<CallParts, 'scope' | 'session' | 'timeoutMs'>;

/**
 * Operations that were called for together, from their start to their end: one deadline, one signal and one promise for
 * them all, because for each of them these cost as much as the operation.
 */
export class BulkCall {
  readonly items: readonly BulkItem[];
  readonly terms: BulkTerms;
  /** From its own start on: a bulk of many calls has less for each later one. */
  readonly timeoutMs: number;
  readonly bytes: number;
  /** Items that go on as operations of their own; not all of them are unfinished. */
  readonly alone = new Map<BulkItem, PendingOperation>();
  readonly errors: EdisError[] = [];
  /** Resolves when all items have ended. Never rejects. */
  readonly ended: Promise<void>;
  deadlineMs = 0;
  signal: AbortSignal | undefined = undefined;
  /** Neighbours in the list of deadlines. */
  earlier: DeadlineEntry | undefined = undefined;
  later: DeadlineEntry | undefined = undefined;
  /** Told before `ended` resolves. */
  onEnded: (() => void) | undefined = undefined;
  #unfinished: number;
  #resolve: () => void = () => {};

  constructor(items: readonly BulkItem[], terms: BulkTerms, timeoutMs: number) {
    this.items = items;
    this.terms = terms;
    this.timeoutMs = timeoutMs;
    let bytes = 0;
    for (const item of items) {
      item.call = this;
      bytes += item.bytes;
    }
    this.bytes = bytes;
    this.#unfinished = items.length;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (items.length === 0) this.#resolve();
  }

  /** One item has its result. */
  settle(): void {
    this.#unfinished -= 1;
    if (this.#unfinished > 0) return;
    this.onEnded?.();
    this.#resolve();
  }

  /** One item has failed. */
  fail(error: EdisError): void {
    this.errors.push(error);
    this.settle();
  }
}
