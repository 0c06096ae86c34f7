import type { Ack, Outcome, VisibleWatermark } from '@edis/core';
import type { ResultSink } from './result-sink.ts';
import type { Safety } from './safety.ts';
import type { QueuedItem } from './write-item.ts';
import { QueuedAtomic } from './write-item.ts';

export interface WriteAnswersParts {
  readonly watermark: VisibleWatermark;
  readonly safety: Safety;
}

/**
 * The way back of a write: its outcome leaves when what it says is as safe as its writer asked for, and so is all that
 * it has seen. Sinks are flushed together at the end of a turn.
 */
export class WriteAnswers {
  readonly #parts: WriteAnswersParts;
  readonly #flush = new Set<ResultSink>();

  constructor(parts: WriteAnswersParts) {
    this.#parts = parts;
  }

  now(item: QueuedItem, outcome: Outcome): void {
    item.source.sink.deliver(item.operation.request, outcome);
    this.#flush.add(item.source.sink);
  }

  /** Nothing was written: once the entry at `seen`, the newest that it looked at, has reached its ack; 0: now. */
  unwritten(item: QueuedItem, outcome: Outcome, seen: number): void {
    this.#after(item, outcome, seen, this.#levelOf(item));
  }

  /**
   * Once it, in the entry at `position`, and what it looked at have reached their acks. Others in that entry may have
   * asked for more: that is theirs to wait for.
   */
  logged(item: QueuedItem, outcome: Outcome, position: number): void {
    const level = this.#levelOf(item);
    if (level === 'memory') {
      this.#after(item, outcome, item.observed, level);
      return;
    }
    const { safety } = this.#parts;
    const { sink } = item.source;
    if (safety.isSafe(level, position)) this.now(item, outcome);
    else {
      safety.waitFor(level, position, sink, item.operation.request, outcome);
      this.#flush.add(sink);
    }
  }

  /** What looked at an entry that waits for the quorum waits for it, too: a sync says nothing about that one. */
  #levelOf(item: QueuedItem): Ack {
    const { watermark } = this.#parts;
    const sawUnsafe =
      item instanceof QueuedAtomic ? item.sawUnsafe : item.observed > 0 && watermark.waitsForQuorum(item.observed);
    return sawUnsafe ? 'quorum' : item.ack;
  }

  #after(item: QueuedItem, outcome: Outcome, position: number, level: Ack): void {
    const { safety } = this.#parts;
    if (safety.mustWait(level, position)) this.#wait(item, outcome, position, level);
    else this.now(item, outcome);
  }

  #wait(item: QueuedItem, outcome: Outcome, position: number, level: Ack): void {
    const { sink } = item.source;
    this.#parts.safety.wait(level, position, sink, item.operation.request, outcome);
    this.#flush.add(sink);
  }

  /**
   * The first attempt may have looked at a write that is not safe: below `visible` all that it can have seen has
   * reached its ack, above it only the sync or the quorum of its own entry says so.
   */
  remembered(item: QueuedItem, outcome: Outcome, position: number): void {
    const { watermark } = this.#parts;
    let level = item.ack;
    if (watermark.hasUnsafe(position)) level = 'quorum';
    else if (level === 'memory' && position > watermark.visible) level = 'disk';
    this.#after(item, outcome, position, level);
  }

  /** Log, quorum or lease moved on. */
  release(): void {
    this.#parts.safety.release((sink) => this.#flush.add(sink));
    this.flush();
  }

  /** The members that are left are too few for what `quorum` means. */
  giveUpQuorum(): void {
    const outcome: Outcome = { kind: 'unavailable', message: 'the quorum was lost while it was waited for' };
    this.#parts.safety.giveUpQuorum(outcome, (sink) => this.#flush.add(sink));
    this.flush();
  }

  /** Whoever waits, or comes later, is told that the outcome is unknown. */
  fail(message: string): Outcome {
    const outcome: Outcome = { kind: 'unavailable', message };
    this.#parts.safety.fail(outcome, (sink) => this.#flush.add(sink));
    return outcome;
  }

  flush(): void {
    for (const sink of this.#flush) sink.flush();
    this.#flush.clear();
  }
}
