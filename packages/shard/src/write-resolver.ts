import type { Ack, DecidedWrite, KeyspaceSettings, Outcome, UnwrittenOutcome } from '@edis/core';
import {
  checkInKeyspace,
  deadlineOf,
  decideWrite,
  defaultKeyspaceId,
  defaultKeyspaceSettings,
  EdisError,
  isDecided,
} from '@edis/core';
import type { Lookup, Store } from '@edis/store';
import type { WriteGroup } from './write-group.ts';
import type { QueuedWrite } from './write-item.ts';

export interface WriteResolverParts {
  readonly store: Store;
  readonly group: WriteGroup;
  /** Makes the group an entry, so that lookups see it. */
  readonly closeGroup: () => void;
  /** A record that a write had to look at can not be read. */
  readonly onUnreadable: (error: EdisError) => void;
}

/** What became of a write that had to be decided upon. */
export type Resolution =
  | { readonly kind: 'decided'; readonly write: DecidedWrite; readonly seen: number }
  /** Nothing is logged; `seen`: position of the newest entry that it looked at. */
  | { readonly kind: 'unwritten'; readonly decision: UnwrittenOutcome; readonly seen: number }
  /** The shard can not say, for a reason that is not the write's. */
  | { readonly kind: 'refused'; readonly outcome: Outcome };

/** When the overlay is full, which a fold changes within some tens of milliseconds. */
const overlayRetryMs = 50;

/**
 * Finds what a write is about, and decides.
 *
 * Guarantees that a write sees all earlier ones: of the store, and of the group that is not in the store yet. An
 * increment, append or new deadline goes on from the group's own newest record of its key; whatever else must look
 * at a key that the group has makes the group an entry first.
 */
export class WriteResolver {
  readonly #parts: WriteResolverParts;

  constructor(parts: WriteResolverParts) {
    this.#parts = parts;
  }

  /** Of the keyspace's settings as the log has them; a refusal when there is no such keyspace to write into. */
  settingsOf(keyspace: number): KeyspaceSettings | Outcome {
    if (keyspace <= defaultKeyspaceId) return defaultKeyspaceSettings;
    const stored = this.#parts.store.keyspaces.get(keyspace);
    // The topology has it, and the log not yet: a moment later it has.
    if (stored === undefined) return { kind: 'wrong-shard', topology: undefined };
    if (!stored.dropped) return stored.settings;
    const message = `keyspace ${JSON.stringify(stored.name)} was dropped`;
    return { kind: 'invalid', cause: 'no-such-keyspace', message };
  }

  /**
   * A put without condition replaces whatever is there: it needs no look. Undefined: it can be logged as it is now.
   */
  preparePut(write: QueuedWrite, settings: KeyspaceSettings, nowMs: number): UnwrittenOutcome | undefined {
    const { operation } = write;
    const fault = checkInKeyspace(operation, settings);
    if (fault !== undefined) return { kind: 'invalid', fault };
    if (operation.kind !== 'put') return undefined;
    const deadline = deadlineOf(operation, nowMs, settings);
    if (typeof deadline !== 'number') return { kind: 'invalid', fault: deadline };
    write.expiresAtMs = deadline;
    return undefined;
  }

  resolve(write: QueuedWrite, settings: KeyspaceSettings, nowMs: number): Resolution {
    const { store, group, closeGroup } = this.#parts;
    const grouped = group.newestOf(write);
    if (grouped !== undefined) {
      const decided = goesOn(write, grouped, settings, nowMs);
      if (decided !== undefined) {
        // What it says is as safe as what it goes on from, which is in the same entry.
        write.ack = higherAck(write.ack, grouped.ack);
        return { kind: 'decided', write: decided, seen: grouped.observed };
      }
      closeGroup();
    }
    // Resolved writes may be far larger than what was admitted: a byte that is appended to a megabyte.
    if (!store.hasRoom()) {
      return { kind: 'refused', outcome: { kind: 'busy', cause: 'overlay', retryAfterMs: overlayRetryMs } };
    }
    let lookup: Lookup;
    try {
      lookup = store.lookup(write.keyspace, write.key, 'newest');
    } catch (caught) {
      const error = EdisError.from(caught);
      this.#parts.onUnreadable(error);
      return { kind: 'refused', outcome: { kind: 'unavailable', message: error.message } };
    }
    const decision = decideWrite(write.operation, lookup.record, nowMs, settings);
    const seen = lookup.position;
    return isDecided(decision) ? { kind: 'decided', write: decision, seen } : { kind: 'unwritten', decision, seen };
  }
}

function higherAck(left: Ack, right: Ack): Ack {
  if (left === 'quorum' || right === 'quorum') return 'quorum';
  return left === 'disk' || right === 'disk' ? 'disk' : 'memory';
}

/** What the write makes of the group's own record; undefined: it needs to look at the store. */
function goesOn(
  { operation }: QueuedWrite,
  grouped: QueuedWrite,
  settings: KeyspaceSettings,
  nowMs: number,
): DecidedWrite | undefined {
  // The version of a record that is not logged yet is not known, and a deleted one may be written by a condition alone.
  if (operation.condition !== undefined || operation.kind === 'delete' || grouped.kind === 'delete') return undefined;
  const { value, metadata, expiresAtMs } = grouped;
  const decision = decideWrite(operation, { value, metadata, expiresAtMs, version: 0 }, nowMs, settings);
  return isDecided(decision) ? decision : undefined;
}
