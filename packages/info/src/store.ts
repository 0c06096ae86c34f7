import type { ClusterState, EdisError, InfoNode } from '@edis/core';

/** What a store tells the info that has joined it. */
export interface StoreListener {
  /**
   * This info decides from now on, beginning with what is stored; undefined: nothing yet. `fencing` is above that of
   * every info that decided before; 0: there is only this one, ever.
   */
  onActive(state: ClusterState | undefined, fencing: number): void;
  /** It decides no longer, and nothing that it has not seen saved may be shown any more. The error says why. */
  onStandby(error: EdisError): void;
  /** While another one decides: the newest state that is stored. */
  onState(state: ClusterState): void;
  /**
   * Nothing is heard of the store, and another info may decide: whoever goes by this one's map may find another info
   * that knows more. Said for as long as that lasts, ever more seldom.
   */
  onCutOff(error: EdisError): void;
  /** The store is good for nothing but closing. */
  onFailed(error: EdisError): void;
}

/** Where info remembers the cluster, and which of several infos may change it. */
export interface InfoStore {
  /** First of all: what was saved last; undefined: nothing yet. */
  load(): Promise<ClusterState | undefined>;
  /** From now on the listener hears who decides. `self` is what the others are told. */
  join(self: InfoNode, listener: StoreListener): Promise<void>;
  /** Whether this info may act at this very moment. */
  readonly isActive: boolean;
  /** Who decides instead of this info, for people. */
  readonly deciding: string;
  /**
   * While active. Resolves when the state is durable. Rejects when it may not be; before that the listener hears
   * `onStandby`, or else the store is good for nothing but closing.
   */
  save(state: ClusterState): Promise<void>;
  /** This info ends: another one may decide at once. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A store that belongs to one info alone, which therefore always decides.
 *
 * Its fencing number is 0, unless the cluster was kept in etcd before: nodes remember the number of the info that they
 * were registered with, and refuse lower ones. Only a person knows that nobody decides there any more.
 */
export abstract class LocalStore implements InfoStore {
  readonly isActive = true;
  readonly deciding = 'this one';
  readonly #fencing: number;

  constructor(fencing: number) {
    this.#fencing = fencing;
  }

  abstract load(): Promise<ClusterState | undefined>;
  abstract save(state: ClusterState): Promise<void>;
  abstract close(): Promise<void>;

  async join(_self: InfoNode, listener: StoreListener): Promise<void> {
    listener.onActive(await this.load(), this.#fencing);
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}

/** For `--ephemeral`: forgets everything at the end. */
export class MemoryStore extends LocalStore {
  #state: ClusterState | undefined;

  constructor(fencing = 0) {
    super(fencing);
  }

  load(): Promise<ClusterState | undefined> {
    return Promise.resolve(this.#state);
  }

  save(state: ClusterState): Promise<void> {
    this.#state = state;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
