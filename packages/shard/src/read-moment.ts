import type { MemberRole, Position, ReaderState } from '@edis/core';
import type { Store } from '@edis/store';
import type { ReadingRole } from './reader.ts';

/** What it needs of a store. */
export type ReadMomentStore = Pick<Store, 'epochAt' | 'lastEntry' | 'visiblePosition'>;

/**
 * What a member is in the moment in which a read is decided and answered.
 *
 * Whether a primary may act goes by the clocks, which may say something else at each look: a read that was decided as
 * an acting primary's, and answered by a second look, shows a record from before an acknowledged write. So there is one
 * look, and everything about the read goes by it. It is made once, and looks anew for each read: what it says holds
 * until the next look, and not across an `await`.
 */
export class ReadMoment implements ReaderState {
  readonly #store: ReadMomentStore;
  readonly #reading: ReadingRole;
  #state: ReaderState;
  #role: MemberRole;
  #active: boolean;

  constructor(store: ReadMomentStore, reading: ReadingRole) {
    this.#store = store;
    this.#reading = reading;
    this.#state = reading.state();
    this.#role = this.#state.role;
    this.#active = false;
  }

  /** The one look. Returns itself. */
  look(): this {
    const state = this.#reading.state();
    this.#state = state;
    this.#role = state.role;
    this.#active = this.#role === 'primary' && state.active;
    return this;
  }

  get role(): MemberRole {
    return this.#role;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Of a primary it goes by the look, as what is read does: the state itself would ask the clocks again. */
  get applied(): Position {
    if (this.#role !== 'primary') return this.#state.applied;
    if (this.#active) return this.#store.lastEntry;
    const position = this.#store.visiblePosition;
    return { epoch: this.#store.epochAt(position) ?? 0, position };
  }

  get stalenessMs(): number {
    return this.#state.stalenessMs;
  }
}
