import type { Store } from '@edis/store';

/** What a rule found broken. */
export interface Breach {
  readonly rule: string;
  readonly what: string;
}

interface Origin {
  readonly member: string;
  readonly life: number;
}

/**
 * Watches what the members of one shard write to their logs.
 *
 * Rules, checked at every entry: in each epoch at most one process writes entries of its own; and an epoch's entry at a
 * position is the same one in every log, so that what a member took from an epoch's stream is a prefix of that
 * primary's log.
 */
export class LogObserver {
  readonly #onBreach: (breach: Breach) => void;
  /** Who wrote the entries of each epoch. */
  readonly #writers = new Map<number, Origin>();
  /** Check sums by epoch and position. */
  readonly #entries = new Map<string, number>();

  constructor(onBreach: (breach: Breach) => void) {
    this.#onBreach = onBreach;
  }

  /** Epochs in which somebody has written. */
  get epochCount(): number {
    return this.#writers.size;
  }

  /** Entries that somebody has written. */
  get entryCount(): number {
    return this.#entries.size;
  }

  observe(store: Store, member: string, life: number): void {
    const append = store.append.bind(store);
    const appendEncoded = store.appendEncoded.bind(store);
    store.append = (entry) => {
      const encoded = append(entry);
      this.#onWritten(entry.epoch, { member, life });
      this.#onEntry(entry.epoch, entry.position, encoded.checksum, member);
      return encoded;
    };
    store.appendEncoded = (firstPosition, bodies, checksums) => {
      const entries = appendEncoded(firstPosition, bodies, checksums);
      for (const [index, { epoch, position }] of entries.entries()) {
        this.#onEntry(epoch, position, checksums[index] ?? 0, member);
      }
      return entries;
    };
  }

  #onWritten(epoch: number, { member, life }: Origin): void {
    const known = this.#writers.get(epoch);
    if (known === undefined) this.#writers.set(epoch, { member, life });
    else if (known.member !== member || known.life !== life) {
      const both = `${known.member} (start ${known.life}) and ${member} (start ${life})`;
      this.#onBreach({ rule: 'one writer per epoch', what: `${both} write in epoch ${epoch}` });
    }
  }

  #onEntry(epoch: number, position: number, checksum: number, member: string): void {
    const place = `${epoch}:${position}`;
    const known = this.#entries.get(place);
    if (known === undefined) this.#entries.set(place, checksum);
    else if (known !== checksum) {
      const what = `${member} has another entry at position ${position} of epoch ${epoch} than was written first`;
      this.#onBreach({ rule: 'logs are prefixes', what });
    }
  }
}
