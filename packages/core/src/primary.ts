import type { Configuration } from './node-message.ts';
import type { StoreId } from './topology.ts';

/**
 * When a write shard may act as the primary of its shard.
 *
 * Guarantees: it acts only under a configuration that names its store, in an epoch above every epoch of its log, and
 * only once the opening entry of that epoch is synced. Assumes, until promotion exists, that info names one fixed
 * primary for a shard: then no lease is needed (one member), and a new epoch is opened at each registration of a new
 * process.
 */
export type PrimaryState =
  | { readonly kind: 'unconfigured' }
  | { readonly kind: 'opening'; readonly epoch: number; readonly position: number }
  | { readonly kind: 'active'; readonly epoch: number }
  | { readonly kind: 'replaced'; readonly epoch: number };

/** `open-epoch`: append the opening entry of that epoch, report its position to `onOpened`, and sync it. */
export type PrimaryEffect = { readonly kind: 'open-epoch'; readonly epoch: number };

export class Primary {
  readonly #store: StoreId;
  #state: PrimaryState = { kind: 'unconfigured' };
  #logEpoch: number;

  constructor(store: StoreId, logEpoch: number) {
    this.#store = store;
    this.#logEpoch = logEpoch;
  }

  get state(): PrimaryState {
    return this.#state;
  }

  /** Epoch that it acts in or is about to; 0: none. */
  get epoch(): number {
    return this.#state.kind === 'opening' || this.#state.kind === 'active' ? this.#state.epoch : 0;
  }

  get active(): boolean {
    return this.#state.kind === 'active';
  }

  onConfiguration(configuration: Configuration): PrimaryEffect[] {
    if (configuration.primary !== this.#store) {
      if (configuration.epoch >= this.#logEpoch) this.#state = { kind: 'replaced', epoch: configuration.epoch };
      return [];
    }
    // The same configuration is sent again with each new session; an older one is a late message.
    if (configuration.epoch <= this.#logEpoch) return [];
    return [{ kind: 'open-epoch', epoch: configuration.epoch }];
  }

  onOpened(epoch: number, position: number): void {
    this.#logEpoch = epoch;
    this.#state = { kind: 'opening', epoch, position };
  }

  /** True when the opening entry became durable by this. */
  onSynced(position: number): boolean {
    if (this.#state.kind !== 'opening' || position < this.#state.position) return false;
    this.#state = { kind: 'active', epoch: this.#state.epoch };
    return true;
  }
}
