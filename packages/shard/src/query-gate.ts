import type { KeyspaceSettings, QueryHead, QueryRefusal, ReaderState, Timers } from '@edis/core';
import { comparePositions, decideRead, defaultKeyspaceId, unreachable } from '@edis/core';
import type { Store, ViewReader } from '@edis/store';
import type { Ownership } from './ownership.ts';
import type { QueryWork } from './query-work.ts';
import type { ReadingRole } from './reader.ts';

/** What the gate needs of a store. */
export type QueryStore = Pick<Store, 'keyspaces' | 'keyspaceStats' | 'openView' | 'viewPosition' | 'visiblePosition'>;

export interface QueryGateParts {
  readonly store: QueryStore;
  readonly ownership: Ownership;
  readonly role: ReadingRole;
  /** The highest epoch that this member knows. */
  readonly epoch: () => number;
  readonly sessionWaitMs: number;
  readonly timers: Timers;
}

/** The keyspace that a query means. */
export interface QueriedKeyspace {
  readonly id: number;
  readonly settings: KeyspaceSettings;
}

/** A view that shows what the query may see, and how stale that is. */
export interface OpenedView {
  readonly kind: 'view';
  readonly view: ViewReader;
  readonly stalenessMs: number;
}

interface Waiter {
  readonly head: QueryHead;
  wake(): void;
}

/**
 * Decides whether this member answers a query, and from which state.
 *
 * The rules are those of single reads. A view shows no more than what is visible: where a single read would see a newer
 * entry in memory, a query waits until the view has passed it. So an active primary answers `strong` and `bounded` from
 * a view that has everything which was in the log when the query came, and `session` from one that has what the token
 * names; every other answer has at least what was visible.
 */
export class QueryGate {
  readonly #parts: QueryGateParts;
  readonly #waiters = new Set<Waiter>();

  constructor(parts: QueryGateParts) {
    this.#parts = parts;
  }

  /** What speaks against the query as such, whatever the member's state; else the keyspace that it means. */
  keyspaceOf(head: QueryHead): QueriedKeyspace | QueryRefusal {
    const { ownership } = this.#parts;
    const { topology } = ownership;
    if (topology === undefined || (head.shard !== '' && head.shard !== ownership.shard)) {
      return { kind: 'wrong-shard', topology: ownership.newerThan(head.revision) };
    }
    const id = head.keyspace === 0 ? defaultKeyspaceId : head.keyspace;
    const keyspace = topology.keyspaces.find((candidate) => candidate.id === id);
    if (keyspace !== undefined) return { id, settings: keyspace.settings };
    // A newer topology may have it; this node will hear of it.
    if (head.revision > topology.revision) return { kind: 'wrong-shard', topology: undefined };
    return { kind: 'invalid', cause: 'no-such-keyspace', message: `there is no keyspace number ${head.keyspace}` };
  }

  /** Waits until the member may answer, for no longer than the session wait; undefined: it may. */
  async pass(head: QueryHead, work: QueryWork): Promise<QueryRefusal | undefined> {
    const state = this.#parts.role.state();
    if (this.#decide(head, state) === 'wait' && this.#parts.sessionWaitMs > 0) await this.#applied(head, work);
    return this.#refusal(head, this.#parts.role.state());
  }

  /**
   * Opens the view that the query may see. Decides anew: the member may have changed while the query waited for a slot.
   */
  async open(head: QueryHead, work: QueryWork): Promise<OpenedView | QueryRefusal> {
    const { store, role } = this.#parts;
    const state = role.state();
    const refusal = this.#refusal(head, state);
    if (refusal !== undefined) return refusal;
    const { stalenessMs } = state;
    const opening = store.openView(this.#positionFor(head, state));
    const view = await work.race(opening, (late) => void late.close());
    return { kind: 'view', view, stalenessMs };
  }

  /** What the reads show moved on, or the role changed: waiting queries are decided again. */
  onApplied(): void {
    if (this.#waiters.size === 0) return;
    const state = this.#parts.role.state();
    for (const waiter of this.#waiters) if (this.#decide(waiter.head, state) !== 'wait') waiter.wake();
  }

  #positionFor(head: QueryHead, state: ReaderState): number {
    const { visiblePosition } = this.#parts.store;
    const { applied, active } = state;
    switch (head.consistency) {
      case 'eventual':
        return visiblePosition;
      case 'session':
        // A token of an older epoch may name positions that this log never had.
        if (head.after === undefined || comparePositions(applied, head.after) < 0) return visiblePosition;
        return Math.max(visiblePosition, Math.min(head.after.position, applied.position));
      case 'bounded':
      case 'strong':
        return active ? Math.max(visiblePosition, applied.position) : visiblePosition;
      default:
        return unreachable(head.consistency);
    }
  }

  #decide(head: QueryHead, state: ReaderState): ReturnType<typeof decideRead> {
    // The client knows of a newer epoch: whoever is primary there, this node does not know yet.
    if (head.consistency === 'strong' && head.epoch > this.#parts.epoch()) return 'not-primary';
    return decideRead(state, head);
  }

  #refusal(head: QueryHead, state: ReaderState): QueryRefusal | undefined {
    const decision = this.#decide(head, state);
    switch (decision) {
      case 'serve':
        return undefined;
      case 'wait':
      case 'too-stale':
        return { kind: 'too-stale', applied: state.applied, stalenessMs: state.stalenessMs };
      case 'not-primary':
        return { kind: 'not-primary', epoch: Math.max(state.applied.epoch, this.#parts.epoch()) };
      default:
        return unreachable(decision);
    }
  }

  async #applied(head: QueryHead, work: QueryWork): Promise<void> {
    let wake: () => void = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiter: Waiter = { head, wake };
    const { timers, sessionWaitMs } = this.#parts;
    const cancel = timers.after(sessionWaitMs, wake);
    this.#waiters.add(waiter);
    try {
      await work.race(woken, () => {});
    } finally {
      cancel();
      this.#waiters.delete(waiter);
    }
  }
}

/** Whether the gate refused. */
export function isRefusal<Passed extends object>(passed: Passed | QueryRefusal): passed is QueryRefusal {
  return 'kind' in passed && refusalKinds.has(String(passed.kind));
}

const refusalKinds: ReadonlySet<string> = new Set<QueryRefusal['kind']>([
  'wrong-shard',
  'not-primary',
  'busy',
  'too-stale',
  'invalid',
  'unavailable',
]);
