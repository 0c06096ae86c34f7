/**
 * When the next batch to a node may leave, given those that are under way, and how much each message holds.
 *
 * Shaped by callers who wait for their answers. Of one node: who all wait for one large message leave the node idle
 * while they ask, and are idle while it answers; with several small ones both work at once (a third more reads a
 * second). Of several nodes: the nodes already work beside each other, and each answer sets some callers free, whose
 * next operations go to all nodes, so that without a brake batches fall apart until each holds one operation, and a
 * message costs thirty times what an operation does (27 k reads/s from three nodes against 260 k from one). With few
 * unanswered messages a node, what is asked meanwhile gathers in the next one. Guarantees that nobody waits longer
 * than the hold for it: a message that is answered late (a slow sync, a read that waits) holds nobody up.
 */

/** How messages to a node are cut and counted. */
interface Cut {
  /** The next batch leaves when fewer messages than that are unanswered. */
  readonly maxUnanswered: number;
  /** Operations of one message, well below a batch's limit. */
  readonly operationsPerMessage: number;
  /** Or when the last message left so long ago. */
  readonly maxHoldMs: number;
}

/**
 * Measured with 512 callers of one node and of three; larger messages leave one side idle, smaller ones cost both.
 * Beside others the hold outlasts a usual group sync: with a shorter one, writes that wait for their sync (`disk`) fall
 * apart again, and three nodes do 0.8 of what one does in place of 1.1.
 */
const alone: Cut = Object.freeze({ maxUnanswered: 2, operationsPerMessage: 128, maxHoldMs: 1 });
const besideOthers: Cut = Object.freeze({ maxUnanswered: 1, operationsPerMessage: 256, maxHoldMs: 3 });

/** A node that was sent something within this time is in use; callers who are answered ask again much sooner. */
const inUseMs = 100;
/** How often the nodes are counted: cheap, and a wrong count for so long costs a little speed alone. */
const recountMs = 20;

/** A message under way. */
export interface SentBatch {
  unanswered: number;
}

/** How many nodes one client sends to these days; shared by its connections. */
export class NodesInUse {
  readonly #paces = new Set<BatchPace>();
  #cut = alone;
  #countedMs = Number.NEGATIVE_INFINITY;

  add(pace: BatchPace): void {
    this.#paces.add(pace);
  }

  remove(pace: BatchPace): void {
    this.#paces.delete(pace);
  }

  cut(nowMs: number): Cut {
    if (nowMs - this.#countedMs < recountMs) return this.#cut;
    this.#countedMs = nowMs;
    let count = 0;
    for (const pace of this.#paces) if (nowMs - pace.lastSentMs < inUseMs) count += 1;
    this.#cut = count > 1 ? besideOthers : alone;
    return this.#cut;
  }
}

export class BatchPace {
  readonly #nodes: NodesInUse;
  #unanswered = 0;
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor(nodes: NodesInUse) {
    this.#nodes = nodes;
  }

  get lastSentMs(): number {
    return this.#lastSentMs;
  }

  /** Whether the next batch may leave now. */
  mayLeave(nowMs: number): boolean {
    const { maxUnanswered, maxHoldMs } = this.#nodes.cut(nowMs);
    return this.#unanswered < maxUnanswered || nowMs - this.#lastSentMs >= maxHoldMs;
  }

  /** How long what may not leave now waits at most. */
  holdMs(nowMs: number): number {
    return this.#nodes.cut(nowMs).maxHoldMs;
  }

  /** Operations that the next message may hold. */
  room(nowMs: number): number {
    return this.#nodes.cut(nowMs).operationsPerMessage;
  }

  /** A message leaves. */
  onSent(operations: number, nowMs: number): SentBatch {
    this.#nodes.add(this);
    this.#unanswered += 1;
    this.#lastSentMs = nowMs;
    return { unanswered: operations };
  }

  /** One operation of the message is answered. */
  onAnswer(batch: SentBatch): void {
    batch.unanswered -= 1;
    if (batch.unanswered === 0) this.#unanswered -= 1;
  }

  /** The stream ended with all that was under way. */
  reset(): void {
    this.#nodes.remove(this);
    this.#unanswered = 0;
    this.#lastSentMs = Number.NEGATIVE_INFINITY;
  }
}
