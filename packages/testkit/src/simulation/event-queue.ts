/** Something that happens at a time. */
export interface SimulatedEvent {
  readonly timeMs: number;
  /** Events of the same time happen in the order in which they were made. */
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Events by time: a binary heap. */
export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(timeMs: number, run: () => void): SimulatedEvent {
    const event = { timeMs, order: this.#order++, run, cancelled: false };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
    return event;
  }

  /** The next event that is not called off, still in the queue. */
  peek(): SimulatedEvent | undefined {
    while (this.#heap[0]?.cancelled === true) this.#removeFirst();
    return this.#heap[0];
  }

  take(): SimulatedEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const leftIndex = index * 2 + 1;
      const left = heap[leftIndex];
      if (left === undefined) break;
      const right = heap[leftIndex + 1];
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = isRight ? leftIndex + 1 : leftIndex;
    }
    heap[index] = last;
  }
}

function isBefore(first: SimulatedEvent, second: SimulatedEvent): boolean {
  return first.timeMs < second.timeMs || (first.timeMs === second.timeMs && first.order < second.order);
}
