import type { EpochStart, NodeMessage, StoreId } from '@edis/core';
import type { Store, StoreEnvironment } from '@edis/store';
import type { Breach } from './log-observer.ts';
import { epochIn } from './log-observer.ts';

/** What of a store is there again at the next start of its process, however this one ends. */
interface Owed {
  readonly store: StoreId;
  /** Its last entry that is. */
  readonly position: number;
  readonly epoch: number;
  readonly promisedEpoch: number;
}

/** Which entries a log has synced. */
interface SyncedLog {
  readonly epochs: readonly EpochStart[];
  readonly position: number;
}

interface Contents {
  readonly position: number;
  readonly epoch: number;
  readonly hash: string;
}

/** Views are compared at each so manieth look: at the end they are once more. */
const comparedEach = 32;

/**
 * Watches what each member's store says of itself.
 *
 * Rules, looked at after each event: a view never has more than what its log has synced; and a log has synced nothing
 * that was written after the last sync that came back had begun. A promise is safe when info is told of it. A store
 * that comes back is the same one as before, with all that it had said to be safe and all that its member had promised,
 * unless its disk was lost. And now and then: views that are at the same entry hold the same, now or earlier.
 */
export class StoreObserver {
  readonly #onBreach: (breach: Breach) => void;
  readonly #running = new Map<string, WatchedStore>();
  /** Whoever broke a rule of each step: once is enough. */
  readonly #blamed = new Set<WatchedStore>();
  /** Of each store that there is or was. */
  readonly #logs = new Map<StoreId, WatchedStore | SyncedLog>();
  /** Syncs of each member's log. */
  readonly #syncs = new Map<string, SyncWatch>();
  /** What was in the first view that was seen at an entry, by epoch and position. */
  readonly #contents = new Map<string, { readonly member: string; readonly hash: string }>();
  #looks = 0;
  /** By member. */
  readonly #owed = new Map<string, Owed>();

  constructor(onBreach: (breach: Breach) => void) {
    this.#onBreach = onBreach;
  }

  /** To be asked for what a member's store is to stand on, before it is opened. */
  environmentOf(member: string, environment: StoreEnvironment): StoreEnvironment {
    const syncs = new SyncWatch();
    this.#syncs.set(member, syncs);
    syncs.watch(environment);
    return environment;
  }

  /** A member has opened its store. */
  onOpened(member: string, store: Store): void {
    const owed = this.#owed.get(member);
    if (owed !== undefined) this.#compare(member, store, owed);
    const watched = new WatchedStore(store, this.#syncs.get(member));
    this.#running.set(member, watched);
    this.#logs.set(store.identity.store, watched);
  }

  /** Its process has ended. */
  onEnded(member: string): void {
    const watched = this.#running.get(member);
    if (watched === undefined) return;
    this.#running.delete(member);
    const { owed } = watched;
    this.#owed.set(member, owed);
    this.#logs.set(owed.store, { position: owed.position, epochs: [...watched.store.epochs] });
  }

  /** A member tells info something. */
  onSaid(member: string, message: NodeMessage): void {
    if (message.kind !== 'promise' || message.answer.kind !== 'promised') return;
    const watched = this.#running.get(member);
    if (watched === undefined) return;
    const { promisedEpoch: said } = message.answer;
    const { promisedEpoch: safe } = watched;
    watched.onPromised(said);
    if (said <= safe) return;
    const what = `${member} promised epoch ${said} when ${safe} was the last that it had saved`;
    this.#onBreach({ rule: 'promises are safe', what });
  }

  /**
   * A store has synced that entry, running or not. One whose disk was lost had when that happened: whoever heard of it
   * before could not know.
   */
  hasSynced(store: StoreId, position: number, epoch: number): boolean {
    const log = this.#logs.get(store);
    if (log === undefined) return false;
    const { epochs, position: synced } = log instanceof WatchedStore ? log.synced : log;
    return synced >= position && epochIn(epochs, position) === epoch;
  }

  /** Its disk was lost: what comes next owes nothing to anybody. */
  onLost(member: string): void {
    this.#running.delete(member);
    this.#owed.delete(member);
  }

  /** To be called after each event. */
  look(): void {
    this.#looks += 1;
    if (this.#looks % comparedEach === 0) this.#compareContents();
    for (const [member, watched] of this.#running) {
      const lead = watched.viewLead;
      const { excess } = watched;
      if ((lead === 0 && excess === 0) || this.#blamed.has(watched)) continue;
      this.#blamed.add(watched);
      const { viewPosition, syncedPosition } = watched.store;
      if (lead > 0) {
        const what = `the view of ${member} is at ${viewPosition}, ${lead} above what its log has synced`;
        this.#onBreach({ rule: 'views follow logs', what });
      }
      if (excess > 0) {
        const what = `the log of ${member} is synced up to ${syncedPosition}, it says; ${excess} of it came in no sync`;
        this.#onBreach({ rule: 'syncs have come back', what });
      }
    }
  }

  #compareContents(): void {
    for (const [member, watched] of this.#running) {
      const { contents } = watched;
      if (contents === undefined || this.#blamed.has(watched)) continue;
      const place = `${contents.epoch}:${contents.position}`;
      const { hash } = contents;
      const known = this.#contents.get(place);
      if (known === undefined) this.#contents.set(place, { member, hash });
      else if (known.hash !== hash) {
        this.#blamed.add(watched);
        const what = `the view of ${member} at ${place} holds something else than that of ${known.member} did there`;
        this.#onBreach({ rule: 'views are equal', what });
      }
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
  readonly #syncs: SyncWatch | undefined;
  #takeovers = 0;
  /** As it was when a snapshot began to take its place. */
  #before: SyncedLog = { epochs: [], position: 0 };
  /** The highest that was saved, or was spoken without that. */
  #promisedEpoch: number;

  constructor(store: Store, syncs: SyncWatch | undefined) {
    this.store = store;
    this.#syncs = syncs;
    syncs?.begin(store);
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

  /** By how much more is synced, it says, than can be. */
  get excess(): number {
    // A sync that had begun before a cut says so until that is over.
    if (this.#syncs === undefined || this.#takeovers > 0 || this.#cuts.length > 0) return 0;
    return Math.max(0, this.store.syncedPosition - this.#syncs.position);
  }

  /** What its view holds; undefined: it is between two states. */
  get contents(): Contents | undefined {
    if (this.#takeovers > 0 || this.store.failure !== undefined) return undefined;
    const { viewPosition: position, contentHash: hash } = this.store;
    return { position, epoch: this.store.epochAt(position) ?? 0, hash };
  }

  get synced(): SyncedLog {
    if (this.#takeovers > 0) return this.#before;
    return { epochs: this.store.epochs, position: this.store.syncedPosition };
  }

  get promisedEpoch(): number {
    return this.#promisedEpoch;
  }

  /** It has told somebody. */
  onPromised(epoch: number): void {
    this.#promisedEpoch = Math.max(this.#promisedEpoch, epoch);
  }

  get owed(): Owed {
    const { epochs, position: synced } = this.synced;
    const position = Math.min(synced, ...this.#cuts);
    const epoch = epochIn(epochs, position) ?? 0;
    return { store: this.store.identity.store, position, epoch, promisedEpoch: this.#promisedEpoch };
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
        this.#before = { epochs: [...this.store.epochs], position: this.store.syncedPosition };
        this.#takeovers += 1;
        try {
          await this.#cutting(agreed ?? start.position.position, finish);
        } finally {
          // One that failed may be found done at the next start, or not begun.
          if (this.store.failure === undefined) this.#takeovers -= 1;
          this.#syncs?.begin(this.store);
        }
      };
      return install;
    };
  }

  #watchPromises(): void {
    const saveIdentity = this.store.saveIdentity.bind(this.store);
    this.store.saveIdentity = async (change) => {
      await saveIdentity(change);
      this.onPromised(change.promisedEpoch ?? 0);
    };
  }

  async #cutting(position: number, work: () => Promise<void>): Promise<void> {
    this.#cuts.push(position);
    this.#syncs?.onCut(position);
    try {
      await work();
      this.#syncs?.onCut(position);
    } catch (caught) {
      // It may have failed before it cut anything, as when its receipt cannot be written.
      this.#syncs?.begin(this.store);
      throw caught;
    } finally {
      if (this.store.failure === undefined) this.#cuts.splice(this.#cuts.indexOf(position), 1);
    }
  }
}

/** Up to where a log can be synced at most: what was in it when the last sync began that has come back. */
class SyncWatch {
  #store: Store | undefined;
  #position = 0;
  /** What was in the log when a sync began that is under way. */
  readonly #under = new Set<{ position: number }>();

  get position(): number {
    return this.#position;
  }

  /** What a store has when it was opened, or when a snapshot has taken its place, it has synced by then. */
  begin(store: Store): void {
    this.#store = store;
    this.#position = store.syncedPosition;
  }

  /** What comes above it from now on is something else. */
  onCut(position: number): void {
    this.#position = Math.min(this.#position, position);
    for (const sync of this.#under) sync.position = Math.min(sync.position, position);
  }

  /** It looks on only: neither a turn nor a step more is taken by what runs. */
  watch({ disk }: StoreEnvironment): void {
    const open = disk.open.bind(disk);
    disk.open = (path) => {
      const file = open(path);
      if (!path.split('/').includes('log')) return file;
      const sync = file.sync.bind(file);
      file.sync = () => {
        const under = { position: this.#store?.lastEntry.position ?? 0 };
        this.#under.add(under);
        const over = (): boolean => this.#under.delete(under);
        const synced = sync();
        synced.then(() => {
          over();
          this.#position = Math.max(this.#position, under.position);
        }, over);
        return synced;
      };
      return file;
    };
  }
}
