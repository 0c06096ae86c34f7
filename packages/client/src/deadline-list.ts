/**
 * All unfinished operations in the order of their deadlines: one linked list for each timeout that is in use, because
 * operations with the same timeout expire in the order in which they began. Adding and removing cost a few
 * assignments; looking for what has expired looks at the heads alone. A timer per operation would cost more than the
 * operation.
 */
import type { BulkCall } from './bulk-call.ts';
import type { PendingOperation } from './pending-operation.ts';

export type DeadlineEntry = PendingOperation | BulkCall;

interface List {
  first: DeadlineEntry | undefined;
  last: DeadlineEntry | undefined;
}

export class DeadlineList {
  readonly #lists = new Map<number, List>();
  #recent: List = { first: undefined, last: undefined };
  #recentTimeoutMs = -1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(operation: DeadlineEntry, nowMs: number): void {
    operation.deadlineMs = nowMs + operation.timeoutMs;
    const list = this.#listOf(operation.timeoutMs);
    const last = list.last;
    operation.earlier = last;
    if (last === undefined) list.first = operation;
    else last.later = operation;
    list.last = operation;
    this.#count += 1;
  }

  remove(operation: DeadlineEntry): void {
    const { earlier, later } = operation;
    const list = this.#listOf(operation.timeoutMs);
    if (earlier === undefined) list.first = later;
    else earlier.later = later;
    if (later === undefined) list.last = earlier;
    else later.earlier = earlier;
    operation.earlier = undefined;
    operation.later = undefined;
    this.#count -= 1;
  }

  /** Calls back with each operation whose deadline has passed; the callback removes it. */
  forEachExpired(nowMs: number, expire: (operation: DeadlineEntry) => void): void {
    for (const [timeoutMs, list] of this.#lists) {
      let operation = list.first;
      while (operation !== undefined && operation.deadlineMs <= nowMs) {
        const next: DeadlineEntry | undefined = operation.later;
        expire(operation);
        operation = next;
      }
      if (list.first === undefined && list !== this.#recent) this.#lists.delete(timeoutMs);
    }
  }

  /** Every operation in the list. */
  all(): DeadlineEntry[] {
    const operations: DeadlineEntry[] = [];
    for (const list of this.#lists.values()) {
      for (let operation = list.first; operation !== undefined; operation = operation.later) operations.push(operation);
    }
    return operations;
  }

  #listOf(timeoutMs: number): List {
    if (timeoutMs === this.#recentTimeoutMs) return this.#recent;
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = { first: undefined, last: undefined };
      this.#lists.set(timeoutMs, list);
    }
    this.#recent = list;
    this.#recentTimeoutMs = timeoutMs;
    return list;
  }
}
