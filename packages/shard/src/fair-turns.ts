/**
 * Shares the event loop between clients whose operations wait: deficit round robin with a quantum of operations.
 *
 * Guarantees: in each turn of the loop every waiting client gets its quantum before any gets a second one, and a turn
 * ends after `operationsPerTurn`, so that what other clients have sent meanwhile is read. A client with much to do is
 * held up, one with little waits for one quantum of each other client at most. Shaped by sockets: one callback may
 * bring thousands of operations of one client, and all others waited for them.
 */

/** Operations that a client has waiting. */
export interface WaitingClient {
  /** Runs up to that many; the number that it has run. */
  run(operations: number): number;
  /** None is waiting any more, or none may run now. */
  readonly idle: boolean;
}

/** A full message of a client: smaller ones would cost more than they share out. */
export const quantum = 256;
/** About two milliseconds of work. */
const operationsPerTurn = 2048;

/** A client is alone when nobody else has sent anything for that long. */
const aloneAfterMs = 100;

export class FairTurns {
  readonly #monotonicMs: () => number;
  /** In the order of their turns. */
  readonly #waiting = new Set<WaitingClient>();
  /** Operations that clients ran in this turn of the loop, as they came. */
  readonly #ran = new Map<WaitingClient, number>();
  #scheduled = false;
  #lastClient: WaitingClient | undefined;
  #sharedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #turn = (): void => this.#runTurn();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Operations of those that have just come which the client may run at once; the others wait for its turn. */
  admit(client: WaitingClient, operations: number): number {
    if (this.#isAlone(client)) return this.#waiting.has(client) ? 0 : operations;
    const ran = this.#ran.get(client) ?? 0;
    const admitted = this.#waiting.has(client) ? 0 : Math.min(operations, Math.max(0, quantum - ran));
    this.#ran.set(client, ran + admitted);
    this.#schedule();
    return admitted;
  }

  /** The client has operations waiting. */
  add(client: WaitingClient): void {
    this.#waiting.add(client);
    this.#schedule();
  }

  remove(client: WaitingClient): void {
    this.#waiting.delete(client);
    this.#ran.delete(client);
    if (this.#lastClient === client) this.#lastClient = undefined;
  }

  #isAlone(client: WaitingClient): boolean {
    const nowMs = this.#monotonicMs();
    if (client !== this.#lastClient) {
      if (this.#lastClient !== undefined) this.#sharedUntilMs = nowMs + aloneAfterMs;
      this.#lastClient = client;
    }
    return nowMs >= this.#sharedUntilMs;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #runTurn(): void {
    this.#scheduled = false;
    this.#ran.clear();
    let budget = operationsPerTurn;
    while (budget > 0) {
      const [client] = this.#waiting;
      if (client === undefined) return;
      // Put back behind the others: the next turn goes on where this one ended.
      this.#waiting.delete(client);
      budget -= client.run(Math.min(quantum, budget));
      if (!client.idle) this.#waiting.add(client);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }
}
