import { EdisError } from '@edis/core';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryViewStorage } from './memory-view.ts';
import { Store } from './store.ts';
import type { StoreEnvironment } from './store-environment.ts';
import type { StoreOptions } from './store-options.ts';

/**
 * Everything around a store, for tests: a forgetful disk and views, timers that are fired by hand, and power that
 * fails.
 */
export interface FakeWorldOptions {
  /** In [0, 1): how much of an unsynced tail a torn crash leaves. */
  readonly random?: () => number;
  /** In [0, 1): which unsynced changes of names, and which cuts, it leaves. @default `random` */
  readonly changesRandom?: () => number;
  readonly beforeSync?: (path: string) => Promise<void>;
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    // The lower bits repeat themselves soon.
    return (state >>> 8) / 2 ** 24;
  };
}

export class FakeWorld {
  readonly disk: MemoryDisk;
  readonly views = new MemoryViewStorage({ forgetful: true });
  readonly environment: StoreEnvironment;
  readonly #locked = new Set<string>();
  #timers: (() => void)[] = [];
  #storeCount = 0;

  constructor(options: FakeWorldOptions = {}) {
    this.disk = new MemoryDisk(options);
    this.environment = {
      disk: this.disk,
      views: this.views,
      lock: async (directory) => {
        if (this.#locked.has(directory)) throw new EdisError('data-directory', `${directory} is in use`);
        this.#locked.add(directory);
        return {
          release: async () => {
            this.#locked.delete(directory);
          },
        };
      },
      startTimer: (_delayMs, onDue) => {
        this.#timers.push(onDue);
        return () => {
          this.#timers = this.#timers.filter((timer) => timer !== onDue);
        };
      },
    };
  }

  open(options: Partial<StoreOptions> = {}): Promise<Store> {
    const newStoreId = (): string => `store-${++this.#storeCount}`;
    return Store.open({
      directory: 'data',
      environment: this.environment,
      newStoreId,
      cacheBytes: 1_000_000,
      ...options,
    });
  }

  /** All timers are due now. */
  fireTimers(): void {
    for (const timer of this.#timers.splice(0)) timer();
  }

  /** Power fails. Stores that are open are dead; open them anew. */
  async crash(options: { readonly tear?: boolean } = {}): Promise<void> {
    this.disk.crash(options.tear ?? false);
    await this.views.crash(true);
    this.#forgetProcess();
  }

  /** kill -9: what was written stays, synced or not. */
  async kill(): Promise<void> {
    this.disk.kill();
    await this.views.crash(false);
    this.#forgetProcess();
  }

  #forgetProcess(): void {
    this.#timers = [];
    this.#locked.clear();
  }
}
