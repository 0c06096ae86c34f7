import type { KeyspaceSettings, Outcome, VisibleWatermark } from '@edis/core';
import { limits, outcomeOfUnwritten } from '@edis/core';
import type { WriteGroup } from './write-group.ts';
import type { QueuedAtomic } from './write-item.ts';
import type { WriteResolver } from './write-resolver.ts';

export interface WriteBatchParts {
  readonly group: WriteGroup;
  readonly resolver: WriteResolver;
  readonly watermark: VisibleWatermark;
  readonly closeGroup: () => void;
}

/** How an atomic batch stands once all of its writes were looked at. */
export type BatchResolution =
  /** All of it is in the group; its outcome follows with the entry. */
  | { readonly kind: 'grouped' }
  /** Nothing of it is logged. `seen`: position of what it looked at, 0: nothing that matters. */
  | { readonly kind: 'settled'; readonly outcome: Outcome; readonly seen: number };

/**
 * What the writes of one batch become in the log: appends may make them far larger than they came. One value of the
 * largest size and a batch of the largest size still fit into one message to a follower.
 */
const maxResolvedBytes = limits.maxValueBytes + limits.maxBatchBytes;

const notDone: Outcome = { kind: 'not-done' };

/**
 * Carries an atomic batch into one commit group: all of its writes, or none.
 *
 * Every write is decided upon before any of them is in the group, so that a condition that fails, or an increment of
 * what is no integer, leaves no trace of the others. No two are of the same key: the decisions do not depend on each
 * other.
 */
export class WriteBatch {
  readonly #parts: WriteBatchParts;

  constructor(parts: WriteBatchParts) {
    this.#parts = parts;
  }

  take(item: QueuedAtomic, settings: KeyspaceSettings, nowMs: number): BatchResolution {
    const { group, closeGroup } = this.#parts;
    // With its keys in the group a decision could close it half-way, and what was seen of it would mean another entry.
    if (!group.isEmpty && item.writes.some((write) => group.newestOf(write) !== undefined)) closeGroup();
    const refused = this.#decide(item, settings, nowMs);
    if (refused !== undefined) return { kind: 'settled', outcome: refused, seen: 0 };
    const position = Math.max(item.seen, this.#parts.watermark.visible);
    if (item.prevented.length > 0) {
      const outcomes: Outcome[] = item.writes.map(() => notDone);
      for (const { index, decision } of item.prevented) outcomes[index] = outcomeOfUnwritten(decision, position);
      const outcome: Outcome = { kind: 'atomic', applied: false, outcomes, position };
      return { kind: 'settled', outcome, seen: item.observed };
    }
    let bytes = 0;
    for (const write of item.logged) bytes += write.loggedBytes;
    if (bytes > maxResolvedBytes) {
      const message = `the batch would write ${bytes} bytes; an atomic batch may write at most ${maxResolvedBytes}`;
      return { kind: 'settled', outcome: { kind: 'invalid', cause: 'value-too-large', message }, seen: item.observed };
    }
    if (item.logged.length === 0) {
      const outcome = item.outcome(position);
      return { kind: 'settled', outcome, seen: item.observed };
    }
    if (!group.hasRoom(item.logged.length, bytes)) closeGroup();
    for (const write of item.logged) group.add(write);
    return { kind: 'grouped' };
  }

  /** Decides about each write; an outcome when the shard can not say. */
  #decide(item: QueuedAtomic, settings: KeyspaceSettings, nowMs: number): Outcome | undefined {
    const { resolver, watermark } = this.#parts;
    for (const write of item.writes) {
      if (write.operation.kind === 'put' && write.operation.condition === undefined) {
        const unwritten = resolver.preparePut(write, settings, nowMs);
        if (unwritten === undefined) item.logged.push(write);
        else item.prevented.push({ index: write.index, decision: unwritten });
        continue;
      }
      const resolution = resolver.resolve(write, settings, nowMs);
      if (resolution.kind === 'refused') return resolution.outcome;
      item.seen = Math.max(item.seen, resolution.seen);
      // What makes the newest safe that is not safe yet makes all of them safe, on the quorum if one of them needs it.
      if (!watermark.isReached(resolution.seen)) item.observed = Math.max(item.observed, resolution.seen);
      item.sawUnsafe ||= watermark.waitsForQuorum(resolution.seen);
      if (resolution.kind === 'decided') {
        write.become(resolution.write);
        item.logged.push(write);
      } else if (resolution.decision.kind !== 'deleted-nothing') {
        item.prevented.push({ index: write.index, decision: resolution.decision });
      }
    }
    return undefined;
  }
}
