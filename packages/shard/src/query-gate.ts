import type { KeyspaceSettings, QueryHead, QueryRefusal, ReadDecision, Timers } from '@edis/core';
import { decideRead, defaultKeyspaceId, unreachable } from '@edis/core';
import type { Store, ViewReader } from '@edis/store';
import type { Ownership } from './ownership.ts';
import type { QueryWork } from './query-work.ts';
import type { ReadMomentStore } from './read-moment.ts';
import { ReadMoment } from './read-moment.ts';
import type { ReadingRole } from './reader.ts';

/** How often a waiting query looks whether the member still leads: well below the time that its caller gives it. */
const leaseLookMs = 250;

/** What the gate needs of a store. */
export type QueryStore = ReadMomentStore & Pick<Store, 'keyspaces' | 'keyspaceStats' | 'openView' | 'viewPosition'>;

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
  /** There is something else to decide than when it began to wait. */
  isDue(): boolean;
  wake(): void;
}

/**
 * Decides whether this member answers a query, and from which state.
 *
 * The rules are those of single reads. A view shows no more than what is visible: where a single read would see a newer
 * entry in memory, a query waits until the view has passed it. So an active primary answers `strong` and `bounded` from
 * a view that has everything which was in the log when the query came, and `session` from one that has what the token
 * names; every other answer has at least what was visible.
 *
 * A query that waits as at an acting primary is woken and decided anew when the member is none any more: what it waits
 * for may never come. A view that has opened is handed on only if the member may still answer from it.
 */
export class QueryGate {
  readonly #parts: QueryGateParts;
  readonly #moment: ReadMoment;
  readonly #waiters = new Set<Waiter>();

  constructor(parts: QueryGateParts) {
    this.#parts = parts;
    this.#moment = new ReadMoment(parts.store, parts.role);
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
    if (this.#decide(head) === 'wait' && this.#parts.sessionWaitMs > 0) await this.#applied(head, work);
    const decision = this.#decide(head);
    return decision === 'serve' ? undefined : this.#refusal(decision);
  }

  /**
   * Opens the view that the query may see. Decides anew: the member may have changed while the query waited for a slot,
   * and may do so while it waits for the view.
   */
  async open(head: QueryHead, work: QueryWork): Promise<OpenedView | QueryRefusal> {
    for (;;) {
      const decision = this.#decide(head);
      if (decision !== 'serve') return this.#refusal(decision);
      // All that the moment says is taken now: it is over with the first wait.
      const { active, stalenessMs } = this.#moment;
      const position = this.#positionFor(head);
      // What is visible the view comes to, whatever the member is; what is not, another primary may lack.
      const asPrimary = active && head.consistency !== 'eventual';
      const view = await this.#view(head, position, asPrimary, work);
      const isStillTrue = !asPrimary || this.#leadsFor(head);
      // The log may have been cut below the position meanwhile.
      if (view !== undefined && isStillTrue && view.position.position >= position)
        return { kind: 'view', view, stalenessMs };
      await view?.close();
      await work.nextTurn();
    }
  }

  /** What the reads show moved on, or the role changed: waiting queries are decided again. */
  onApplied(): void {
    for (const waiter of this.#waiters) if (waiter.isDue()) waiter.wake();
  }

  /** In the moment in which it was decided to serve the query. */
  #positionFor({ consistency, after }: QueryHead): number {
    const { visiblePosition } = this.#parts.store;
    if (!this.#moment.active) return visiblePosition;
    const { position } = this.#moment.applied;
    switch (consistency) {
      case 'eventual':
        return visiblePosition;
      case 'session':
        // A token of an older epoch may name positions that this log never had.
        return Math.max(visiblePosition, Math.min(after?.position ?? 0, position));
      case 'bounded':
      case 'strong':
        return position;
      default:
        return unreachable(consistency);
    }
  }

  /** One look at the member: what the moment says is what was decided by. */
  #decide(head: QueryHead): ReadDecision {
    const moment = this.#moment.look();
    // The client knows of a newer epoch: whoever is primary there, this node does not know yet.
    if (head.consistency === 'strong' && head.epoch > this.#parts.epoch()) return 'not-primary';
    return decideRead(moment, head);
  }

  /** In the moment in which that was decided. */
  #refusal(decision: Exclude<ReadDecision, 'serve'>): QueryRefusal {
    const { applied, stalenessMs } = this.#moment;
    switch (decision) {
      case 'wait':
      case 'too-stale':
        return { kind: 'too-stale', applied, stalenessMs };
      case 'not-primary':
        return { kind: 'not-primary', epoch: Math.max(applied.epoch, this.#parts.epoch()) };
      default:
        return unreachable(decision);
    }
  }

  /** It may answer the query as an acting primary. */
  #leadsFor(head: QueryHead): boolean {
    return this.#decide(head) === 'serve' && this.#moment.active;
  }

  /** Undefined: it is to be decided anew, the view or not. Shows that position, or less if the log was cut below it. */
  async #view(head: QueryHead, position: number, asPrimary: boolean, work: QueryWork): Promise<ViewReader | undefined> {
    const opening = this.#parts.store.openView(position);
    if (!asPrimary) return work.race(opening, (late) => void late.close());
    let wake: () => void = () => {};
    const opened = new Promise<ViewReader | undefined>((resolve, reject) => {
      let isWoken = false;
      wake = () => {
        isWoken = true;
        resolve(undefined);
      };
      opening.then((view) => (isWoken ? void view.close() : resolve(view)), reject);
    });
    const waiter: Waiter = { isDue: () => !this.#leadsFor(head), wake };
    this.#waiters.add(waiter);
    // A lease ends without anybody saying so.
    const look = (): (() => void) =>
      this.#parts.timers.after(leaseLookMs, () => {
        if (waiter.isDue()) wake();
        else cancel = look();
      });
    let cancel = look();
    try {
      return await work.race(opened, (late) => void late?.close());
    } finally {
      cancel();
      this.#waiters.delete(waiter);
    }
  }

  async #applied(head: QueryHead, work: QueryWork): Promise<void> {
    let wake: () => void = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiter: Waiter = { isDue: () => this.#decide(head) !== 'wait', wake };
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
