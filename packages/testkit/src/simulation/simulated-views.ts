import type { ViewBatch, ViewDatabase, ViewSnapshot, ViewStorage } from '@edis/store';

/** Takes the time that the disk takes, for a sync or for something cheaper. */
export type DiskWait = (sync: boolean) => Promise<void>;

/** The views of a machine as one incarnation of its process sees them: slow, and gone with it. */
export class SimulatedViews implements ViewStorage {
  readonly #storage: ViewStorage;
  readonly #wait: DiskWait;

  constructor(storage: ViewStorage, wait: DiskWait) {
    this.#storage = storage;
    this.#wait = wait;
  }

  async open(path: string): Promise<ViewDatabase> {
    await this.#wait(false);
    return new SimulatedView(await this.#storage.open(path), this.#wait);
  }

  async exists(path: string): Promise<boolean> {
    await this.#wait(false);
    return this.#storage.exists(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#wait(true);
    await this.#storage.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#wait(true);
    await this.#storage.remove(path);
  }
}

class SimulatedView implements ViewDatabase {
  readonly #view: ViewDatabase;
  readonly #wait: DiskWait;

  constructor(view: ViewDatabase, wait: DiskWait) {
    this.#view = view;
    this.#wait = wait;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#view.get(key);
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    await this.#wait(false);
    return this.#view.getMany(keys);
  }

  batch(): ViewBatch {
    const batch = this.#view.batch();
    return {
      put: (key, value) => batch.put(key, value),
      delete: (key) => batch.delete(key),
      discard: () => batch.discard(),
      write: async (sync) => {
        await this.#wait(sync);
        await batch.write(sync);
      },
    };
  }

  snapshot(): ViewSnapshot {
    return this.#view.snapshot();
  }

  async close(): Promise<void> {
    await this.#wait(false);
    await this.#view.close();
  }
}
