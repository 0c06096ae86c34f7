import type { Ack, LeadingGroup, Outcome, VisibleWatermark } from '@edis/core';
import type { Store } from '@edis/store';
import { Acknowledgements } from './acknowledgements.ts';
import type { ResultSink } from './result-sink.ts';

export interface SafetyParts {
  readonly store: Store;
  readonly watermark: VisibleWatermark;
  readonly group: LeadingGroup;
  /** It holds its lease in this moment: without it no answer of a primary leaves. */
  readonly mayAnswer: () => boolean;
}

/**
 * Results of a primary that wait until what they say, and what they have seen, is as safe as was asked for: synced
 * here, or on a quorum.
 *
 * Guarantees that no result leaves while the lease is not held. It then waits for the lease, or for the end of this
 * primary, at which its outcome is unknown.
 */
export class Safety {
  readonly #parts: SafetyParts;
  readonly #synced = new Acknowledgements();
  readonly #quorum = new Acknowledgements();

  constructor(parts: SafetyParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#synced.size + this.#quorum.size;
  }

  get isFull(): boolean {
    return this.#synced.isFull || this.#quorum.isFull;
  }

  /** Whether a result that says or has seen the entry at `position` must wait; 0: it has seen none. */
  mustWait(ack: Ack, position: number): boolean {
    return position !== 0 && (this.#needsQuorum(ack, position) || this.#needsSync(ack, position));
  }

  /** The result is delivered when the entry at `position` is as safe as it must be. */
  wait(ack: Ack, position: number, sink: ResultSink, request: number, outcome: Outcome): void {
    this.waitFor(this.#needsQuorum(ack, position) ? 'quorum' : 'disk', position, sink, request, outcome);
  }

  /** Whether the log is that safe up to `position`, whatever others asked for there. */
  isSafe(level: 'disk' | 'quorum', position: number): boolean {
    const { group, store } = this.#parts;
    return position <= (level === 'quorum' ? group.quorumPosition : store.syncedPosition);
  }

  /** The result is delivered when the log is that safe up to `position`. */
  waitFor(level: 'disk' | 'quorum', position: number, sink: ResultSink, request: number, outcome: Outcome): void {
    const { group, store } = this.#parts;
    if (level === 'quorum') {
      group.onQuorumWanted(position);
      this.#quorum.wait(position, sink, request, outcome);
    } else {
      this.#synced.wait(position, sink, request, outcome);
    }
    store.requestSync();
  }

  /** Log, quorum or lease moved on. */
  release(flushLater: (sink: ResultSink) => void): void {
    const { store, group, mayAnswer } = this.#parts;
    if (this.size === 0 || !mayAnswer()) return;
    this.#synced.release(store.syncedPosition, flushLater);
    this.#quorum.release(group.quorumPosition, flushLater);
  }

  /** The members that are left are too few for what was asked for. */
  giveUpQuorum(outcome: Outcome, flushLater: (sink: ResultSink) => void): void {
    this.#quorum.giveUp(outcome, flushLater);
  }

  /** Everybody is told `outcome`, later ones too. */
  fail(outcome: Outcome, flushLater: (sink: ResultSink) => void): void {
    this.#synced.fail(outcome, flushLater);
    this.#quorum.fail(outcome, flushLater);
  }

  #needsQuorum(ack: Ack, position: number): boolean {
    const { watermark, group } = this.#parts;
    return (ack === 'quorum' && position > group.quorumPosition) || watermark.waitsForQuorum(position);
  }

  #needsSync(ack: Ack, position: number): boolean {
    const { watermark, store } = this.#parts;
    return (ack !== 'memory' && position > store.syncedPosition) || !watermark.isReached(position);
  }
}
