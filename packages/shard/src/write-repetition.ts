import type { FoundOperation, HybridClock, OperationIds, Outcome } from '@edis/core';
import { limits, logicalSteps, outcomeOfWrite, timestampOfMs, unreachable } from '@edis/core';
import type { QueuedItem } from './write-item.ts';
import { appliedOutcome, QueuedAtomic } from './write-item.ts';

export interface WriteRepetitionParts {
  readonly operationIds: OperationIds;
  readonly clock: HybridClock;
}

/** How a write that has an operation id is settled without being carried out. */
export type Settlement =
  /** It was carried out before, in the entry at `position`. */
  | { readonly kind: 'repeated'; readonly outcome: Outcome; readonly position: number }
  | { readonly kind: 'refused'; readonly outcome: Outcome };

/** The window of operation ids, in timestamps. */
const timestampWindow = limits.operationIdWindowMs * logicalSteps;

/** Too many clients wrote lately: some are forgotten as their window passes, which nothing here can hurry. */
const clientsRetryMs = 1000;

const tooOld: Settlement = { kind: 'refused', outcome: { kind: 'too-old', windowMs: limits.operationIdWindowMs } };
const noRoom: Settlement = {
  kind: 'refused',
  outcome: { kind: 'busy', cause: 'clients', retryAfterMs: clientsRetryMs },
};

/** Tells the repetition of a write from a new one, by its operation id. */
export class WriteRepetition {
  readonly #parts: WriteRepetitionParts;

  constructor(parts: WriteRepetitionParts) {
    this.#parts = parts;
  }

  /** Undefined: it is to be carried out. */
  settle(item: QueuedItem, nowMs: number): Settlement | undefined {
    const { operationIds, clock } = this.#parts;
    const sent = item instanceof QueuedAtomic ? item.firstSentTimestamp : item.operation.firstSentTimestamp;
    if (sent > 0 && sent < Math.max(clock.last, timestampOfMs(nowMs)) - timestampWindow) return tooOld;
    if (item instanceof QueuedAtomic) return this.#settleAtomic(item);
    return settlementOf(operationIds.find(item.source.batch.client, item.sequence));
  }

  /**
   * An atomic batch was carried out when any of its writes is remembered; the others then are deletes that found no
   * record, of which the log has nothing.
   */
  #settleAtomic(item: QueuedAtomic): Settlement | undefined {
    const { client } = item.source.batch;
    const outcomes: (Outcome | undefined)[] = [];
    let position = 0;
    let isFull = false;
    for (const write of item.writes) {
      const found = this.#parts.operationIds.find(client, write.sequence);
      if (found.kind === 'forgotten') return tooOld;
      isFull ||= found.kind === 'full';
      const settled = found.kind === 'remembered' ? settlementOf(found) : undefined;
      if (settled?.kind === 'repeated') position = settled.position;
      outcomes.push(settled?.outcome);
    }
    if (position === 0) return isFull ? noRoom : undefined;
    return { kind: 'repeated', outcome: appliedOutcome(outcomes, position), position };
  }
}

function settlementOf(found: FoundOperation): Settlement | undefined {
  switch (found.kind) {
    case 'remembered': {
      const { kind, answer, version, position } = found.operation;
      return { kind: 'repeated', outcome: outcomeOfWrite({ origin: kind, answer }, version, position), position };
    }
    case 'forgotten':
      return tooOld;
    case 'full':
      return noRoom;
    case 'new':
      return undefined;
    default:
      return unreachable(found);
  }
}
