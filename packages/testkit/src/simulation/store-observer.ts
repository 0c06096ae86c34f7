import type { StoreId } from '@edis/core';
import type { Store } from '@edis/store';
import type { Breach } from './log-observer.ts';

/** What of a store is there again at the next start of its process, however this one ends. */
interface Owed {
  readonly store: StoreId;
  /** Its last entry that is. */
  readonly position: number;
  readonly epoch: number;
  readonly promisedEpoch: number;
}

/**
 * Watches what each member's store says of itself.
 *
 * Rules: a view never has more than what its log has synced, looked at after each event; and a store that comes back
 * is the same one as before, with all that it had said to be safe, unless its disk was lost.
 */
export class StoreObserver {
  readonly #onBreach: (breach: Breach) => void;
  readonly #running = new Map<string, WatchedStore>();
  /** By member. */
  readonly #owed = new Map<string, Owed>();

  constructor(onBreach: (breach: Breach) => void) {
    this.#onBreach = onBreach;
  }

  /** A member has opened its store. */
  onOpened(member: string, store: Store): void {
    const owed = this.#owed.get(member);
    if (owed !== undefined) this.#compare(member, store, owed);
    this.#running.set(member, new WatchedStore(store));
  }

  /** Its process has ended. */
  onEnded(member: string): void {
    const watched = this.#running.get(member);
    if (watched === undefined) return;
    this.#running.delete(member);
    this.#owed.set(member, watched.owed);
  }

  /** Its disk was lost: what comes next owes nothing to anybody. */
  onLost(member: string): void {
    this.#running.delete(member);
    this.#owed.delete(member);
  }

  /** To be called after each event. */
  look(): void {
    for (const [member, watched] of this.#running) {
      const lead = watched.viewLead;
      if (lead === 0) continue;
      const { viewPosition } = watched.store;
      const what = `the view of ${member} is at ${viewPosition}, ${lead} above what its log has synced`;
      this.#onBreach({ rule: 'views follow logs', what });
      // Once is enough.
      this.#running.delete(member);
    }
  }

  #compare(member: string, store: Store, owed: Owed): void {
    const { identity, lastEntry } = store;
    const breach = (what: string): void => this.#onBreach({ rule: 'stores stay', what: `${member} ${what}` });
    if (identity.store !== owed.store) {
      breach(`came back as ${identity.store}, and was ${owed.store}`);
      return;
    }
    if (owed.position > 0 && store.epochAt(owed.position) !== owed.epoch) {
      const had = `${owed.epoch}:${owed.position}`;
      breach(
        `had synced entry ${had} and came back without it; its log ends at ${lastEntry.epoch}:${lastEntry.position}`,
      );
    }
    if (identity.promisedEpoch < owed.promisedEpoch) {
      breach(`had promised epoch ${owed.promisedEpoch} and came back with ${identity.promisedEpoch}`);
    }
  }
}

/** A running store, and what takes entries away from it on purpose. */
class WatchedStore {
  readonly store: Store;
  /** Where its log is being cut; one that failed may have been, too. */
  readonly #cuts: number[] = [];
  #takeovers = 0;
  #promisedEpoch: number;

  constructor(store: Store) {
    this.store = store;
    this.#promisedEpoch = store.identity.promisedEpoch;
    this.#watchCuts();
    this.#watchSnapshots();
    this.#watchPromises();
  }

  /** By how much the view is ahead of the log. */
  get viewLead(): number {
    const { failure, viewPosition, syncedPosition } = this.store;
    // Between two states there is no view to speak of.
    if (this.#takeovers > 0 || failure !== undefined) return 0;
    return Math.max(0, viewPosition - syncedPosition);
  }

  get owed(): Owed {
    const { identity, syncedPosition } = this.store;
    const position = Math.min(syncedPosition, ...this.#cuts);
    const epoch = this.store.epochAt(position) ?? 0;
    return { store: identity.store, position, epoch, promisedEpoch: this.#promisedEpoch };
  }

  #watchCuts(): void {
    const truncateAfter = this.store.truncateAfter.bind(this.store);
    this.store.truncateAfter = (position) => this.#cutting(position, () => truncateAfter(position));
  }

  #watchSnapshots(): void {
    const beginInstall = this.store.beginInstall.bind(this.store);
    this.store.beginInstall = async (start, agreed) => {
      const install = await beginInstall(start, agreed);
      const finish = install.finish.bind(install);
      install.finish = async () => {
        this.#takeovers += 1;
        try {
          await this.#cutting(agreed ?? start.position.position, finish);
        } finally {
          this.#takeovers -= 1;
        }
      };
      return install;
    };
  }

  #watchPromises(): void {
    const saveIdentity = this.store.saveIdentity.bind(this.store);
    this.store.saveIdentity = async (change) => {
      await saveIdentity(change);
      this.#promisedEpoch = Math.max(this.#promisedEpoch, change.promisedEpoch ?? 0);
    };
  }

  async #cutting(position: number, work: () => Promise<void>): Promise<void> {
    this.#cuts.push(position);
    try {
      await work();
    } finally {
      if (this.store.failure === undefined) this.#cuts.splice(this.#cuts.indexOf(position), 1);
    }
  }
}
