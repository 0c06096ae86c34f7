import type { EdisError, Outcome, VisibleWatermark } from '@edis/core';
import type { Store } from '@edis/store';
import type { Acknowledgements } from './acknowledgements.ts';
import type { ResultSink } from './result-sink.ts';
import type { QueuedItem, QueuedWrite } from './write-item.ts';
import { ownEntry } from './write-item.ts';

export interface WriteAnswersParts {
  readonly store: Store;
  readonly watermark: VisibleWatermark;
  readonly acknowledgements: Acknowledgements;
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

  /** Once the entry at `position` has reached its ack; 0: now. */
  after(item: QueuedItem, outcome: Outcome, position: number): void {
    const { store, watermark } = this.#parts;
    const mustSync = item.ack !== 'memory' && position > store.syncedPosition;
    if (position === 0 || (!mustSync && watermark.isReached(position))) this.now(item, outcome);
    else this.#synced(item, outcome, position);
  }

  /** Once it is in the entry at `position`. */
  logged(write: QueuedWrite, outcome: Outcome, position: number): void {
    const { ack, observed } = write;
    this.after(write, outcome, ack === 'memory' && observed !== ownEntry ? observed : position);
  }

  /**
   * The first attempt may have looked at a `disk` write: below `visible` all that it can have seen has reached its ack,
   * above it only a sync says so.
   */
  remembered(item: QueuedItem, outcome: Outcome, position: number): void {
    const { store, watermark } = this.#parts;
    const reached = item.ack === 'memory' ? watermark.visible : store.syncedPosition;
    if (position <= reached) this.now(item, outcome);
    else this.#synced(item, outcome, position);
  }

  /** When a sync has covered `position`. */
  #synced(item: QueuedItem, outcome: Outcome, position: number): void {
    const { sink } = item.source;
    this.#parts.acknowledgements.wait(position, sink, item.operation.request, outcome);
    this.#flush.add(sink);
    this.#parts.store.requestSync();
  }

  /** A group sync returned. */
  onSynced(position: number): void {
    this.#parts.acknowledgements.release(position, (sink) => this.#flush.add(sink));
    this.flush();
  }

  /** Whoever waits, or comes later, is told that the outcome is unknown. */
  fail(error: EdisError): Outcome {
    const outcome: Outcome = { kind: 'unavailable', message: error.message };
    this.#parts.acknowledgements.fail(outcome, (sink) => this.#flush.add(sink));
    return outcome;
  }

  flush(): void {
    for (const sink of this.#flush) sink.flush();
    this.#flush.clear();
  }
}
