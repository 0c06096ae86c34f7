/**
 * Keeps the event loop from going to sleep between the messages of a caller who comes back at once.
 *
 * A lone caller's round trip is mostly waking up: an idle process sleeps in the kernel, and being woken costs it more
 * than the operation does (6.7 k against 11.6 k reads/s of one caller on two cores). So after a small message that came
 * soon after the one before, the loop turns without sleeping for a moment. Guarantees that a node that is asked now and
 * then never turns idly: it does so only while small messages come several thousand times a second, and for at most
 * `pollMs` after each; and that a node under load never does, because there messages are large.
 */

/** A caller who is answered at once comes back within this; one of several nodes or one who thinks does not. */
const quickReturnMs = 0.25;
/** More operations in a message are of several callers, who keep the node busy anyway. */
const maxLoneOperations = 8;

export class BusyPoll {
  readonly #pollMs: number;
  readonly #monotonicMs: () => number;
  #lastMessageMs = Number.NEGATIVE_INFINITY;
  #untilMs = 0;
  #polling = false;
  readonly #turn = (): void => {
    if (this.#monotonicMs() < this.#untilMs) setImmediate(this.#turn);
    else this.#polling = false;
  };

  /** @param pollUs how long the loop stays awake after a message; 0: it does not */
  constructor(pollUs: number, monotonicMs: () => number) {
    this.#pollMs = pollUs / 1000;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether the loop stays awake now. */
  get polling(): boolean {
    return this.#polling;
  }

  /** A message with that many operations has come. */
  onMessage(operations: number): void {
    if (this.#pollMs === 0) return;
    const nowMs = this.#monotonicMs();
    const quick = nowMs - this.#lastMessageMs <= quickReturnMs;
    this.#lastMessageMs = nowMs;
    if (!quick || operations > maxLoneOperations) return;
    this.#untilMs = nowMs + this.#pollMs;
    if (this.#polling) return;
    this.#polling = true;
    setImmediate(this.#turn);
  }
}
