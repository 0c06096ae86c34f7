import { EdisError } from '@edis/core';
import type { EtcdClient, EtcdEvent, EtcdReading, EtcdRow, EtcdWatch } from '@edis/rpc';

/** Between a watch that has ended and the next. */
const retryMs = 200;

export interface MirrorListener {
  /** These keys are not what they were. */
  onChange(keys: ReadonlySet<string>): void;
  /** etcd does not answer; the mirror goes on trying. */
  onLost(error: EdisError): void;
}

/** A copy of all keys below a prefix that follows etcd, one revision after the other. */
export class EtcdMirror {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #listener: MirrorListener;
  #rows = new Map<string, EtcdRow>();
  #revision = 0;
  #watch: EtcdWatch | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** Why the last watch ended; undefined since etcd has answered again. */
  #lost: EdisError | undefined;

  constructor(client: EtcdClient, prefix: string, listener: MirrorListener) {
    this.#client = client;
    this.#prefix = prefix;
    this.#listener = listener;
  }

  get lastError(): EdisError | undefined {
    return this.#lost;
  }

  row(key: string): EtcdRow | undefined {
    return this.#rows.get(key);
  }

  all(): Iterable<EtcdRow> {
    return this.#rows.values();
  }

  /** Begins with what was read. */
  start(reading: EtcdReading): void {
    this.#adopt(reading);
    this.#follow();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#watch?.close();
  }

  #adopt({ rows, revision }: EtcdReading): void {
    const before = this.#rows;
    this.#rows = new Map(rows.map((row) => [row.key, row]));
    this.#revision = revision;
    const keys = new Set([...before.keys(), ...this.#rows.keys()]);
    for (const key of keys) if (before.get(key)?.modRevision === this.#rows.get(key)?.modRevision) keys.delete(key);
    if (keys.size > 0) this.#listener.onChange(keys);
  }

  #follow(): void {
    if (this.#closed) return;
    this.#watch = this.#client.watch(this.#prefix, this.#revision + 1, {
      onEvents: (events, revision) => this.#onEvents(events, revision),
      onAlive: () => {
        this.#lost = undefined;
      },
      onEnd: (error, compacted) => this.#onEnd(error, compacted),
    });
  }

  #onEvents(events: readonly EtcdEvent[], revision: number): void {
    const keys = new Set<string>();
    for (const event of events) {
      if (event.kind === 'put') {
        this.#rows.set(event.row.key, event.row);
        keys.add(event.row.key);
      } else {
        this.#rows.delete(event.key);
        keys.add(event.key);
      }
    }
    this.#revision = Math.max(this.#revision, revision);
    this.#listener.onChange(keys);
  }

  #onEnd(error: EdisError, compacted: boolean): void {
    this.#watch = undefined;
    if (this.#closed) return;
    if (this.#lost === undefined) this.#listener.onLost(error);
    this.#lost = error;
    this.#retry = setTimeout(() => (compacted ? void this.#readAnew() : this.#follow()), retryMs);
  }

  /** etcd has forgotten what happened since. */
  async #readAnew(): Promise<void> {
    let reading: EtcdReading;
    try {
      reading = await this.#client.read(this.#prefix);
    } catch (caught) {
      this.#onEnd(EdisError.from(caught), true);
      return;
    }
    if (!this.#closed) this.start(reading);
  }
}
