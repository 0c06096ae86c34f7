import type { BatchRequest, ClientShare, Operation, Outcome } from '@edis/core';

/** Where the results of a batch go: a client's stream, or the one caller of a unary Execute. */
export interface ResultSink {
  /** What its client has in the queue of writes. */
  readonly share: ClientShare;
  /** Takes one result; it leaves with the next `flush`. After the sink's end it is forgotten. */
  deliver(request: number, outcome: Outcome): void;
  /** Sends what was delivered. */
  flush(): void;
}

/** What all operations of one batch share. */
export interface BatchOrigin {
  readonly sink: ResultSink;
  readonly batch: BatchRequest;
}

/** A sink that answers all operations of one batch at once. */
export class CollectingSink implements ResultSink {
  readonly share: ClientShare = { operations: 0 };
  readonly #outcomes = new Map<number, Outcome>();
  readonly #operations: readonly Operation[];
  readonly #done: (outcomes: readonly Outcome[]) => void;
  #finished = false;

  constructor(operations: readonly Operation[], done: (outcomes: readonly Outcome[]) => void) {
    this.#operations = operations;
    this.#done = done;
  }

  deliver(request: number, outcome: Outcome): void {
    this.#outcomes.set(request, outcome);
  }

  flush(): void {
    if (this.#finished || this.#outcomes.size < this.#operations.length) return;
    this.#finished = true;
    this.#done(this.#operations.map(({ request }) => this.#outcomes.get(request) ?? lost));
  }
}

const lost: Outcome = { kind: 'unavailable', message: 'the operation got no result' };
