import type { Loss, LostWrite } from '@edis/checker';
import type { EpochStart, Position } from '@edis/core';
import type { Entry, Store } from '@edis/store';

/** What a rule found broken. */
export interface Breach {
  readonly rule: string;
  readonly what: string;
}

/** Which entries a log had when its disk was lost. */
export interface LostLog {
  readonly epochs: readonly EpochStart[];
  readonly lastPosition: number;
}

interface KnownEntry {
  readonly epoch: number;
  readonly position: number;
  readonly checksum: number;
  readonly writes: readonly LostWrite[];
}

interface Origin {
  readonly member: string;
  readonly life: number;
}

/**
 * Watches what the members of one shard write to their logs.
 *
 * Rules, checked at every entry: in each epoch at most one process writes entries of its own; an epoch's entry at a
 * position is the same one in every log, so that what a member took from an epoch's stream is a prefix of that
 * primary's log; and in every log the first entry of an epoch is the one that opens it.
 */
export class LogObserver {
  readonly #onBreach: (breach: Breach) => void;
  /** Who wrote the entries of each epoch. */
  readonly #writers = new Map<number, Origin>();
  /** By epoch and position. */
  readonly #entries = new Map<string, KnownEntry>();
  /** Of each epoch, the log that its first entry stands in. */
  readonly #beginnings = new Map<number, readonly EpochStart[]>();
  /** By version. */
  readonly #places = new Map<number, Position[]>();

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
      const { lastEntry } = store;
      const encoded = append(entry);
      this.#checkOpening(lastEntry.epoch, entry, member);
      this.#onWritten(entry.epoch, { member, life });
      const { epoch, position } = entry;
      if (!this.#beginnings.has(epoch)) this.#beginnings.set(epoch, [...store.epochs]);
      this.#onEntry({ epoch, position, checksum: encoded.checksum, writes: writesOf(entry) }, member);
      return encoded;
    };
    store.appendEncoded = (firstPosition, bodies, checksums) => {
      let { epoch: before } = store.lastEntry;
      const entries = appendEncoded(firstPosition, bodies, checksums);
      for (const [index, entry] of entries.entries()) {
        const { epoch, position } = entry;
        this.#checkOpening(before, entry, member);
        before = epoch;
        this.#onEntry({ epoch, position, checksum: checksums[index] ?? 0, writes: [] }, member);
      }
      return entries;
    };
  }

  /** Where the write that made a version stands: in several places only if it was given out twice. */
  placesOf(version: number): readonly Position[] {
    return this.#places.get(version) ?? [];
  }

  /** What a lost log had and the log at the end has not. */
  lossOf(lost: LostLog, end: Pick<Store, 'epochAt'>): Loss {
    const gone = [...this.#entries.values()].filter(({ epoch, position }) => {
      const wasThere = position <= lost.lastPosition && epochIn(lost.epochs, position) === epoch;
      return wasThere && end.epochAt(position) !== epoch;
    });
    return { writes: gone.flatMap(({ writes }) => writes), fromMs: 0, toMs: undefined };
  }

  /**
   * What had been discarded when an epoch began: the last primary before it had another log. Most of it is in receipts
   * at the end, but a member that nobody had heard of since may be promoted unsafely, and then it is there again.
   */
  discardedBefore(unsafeEpoch: number): Loss {
    const last = [...this.#beginnings.keys()]
      .filter((epoch) => epoch < unsafeEpoch)
      .reduce((a, b) => Math.max(a, b), 0);
    const log = this.#beginnings.get(last) ?? [];
    const gone = [...this.#entries.values()].filter(
      ({ epoch, position }) => epoch <= last && epochIn(log, position) !== epoch,
    );
    return { writes: gone.flatMap(({ writes }) => writes), fromMs: 0, toMs: undefined };
  }

  #checkOpening(before: number, { epoch, position, operations }: Entry, member: string): void {
    if (epoch === before || operations.some(({ kind }) => kind === 'open')) return;
    const what = `${member} has ${epoch}:${position}, which does not open its epoch, right behind one of ${before}`;
    this.#onBreach({ rule: 'epochs are opened', what });
  }

  #onWritten(epoch: number, { member, life }: Origin): void {
    const known = this.#writers.get(epoch);
    if (known === undefined) this.#writers.set(epoch, { member, life });
    else if (known.member !== member || known.life !== life) {
      const both = `${known.member} (start ${known.life}) and ${member} (start ${life})`;
      this.#onBreach({ rule: 'one writer per epoch', what: `${both} write in epoch ${epoch}` });
    }
  }

  #onEntry(entry: KnownEntry, member: string): void {
    const { epoch, position, checksum } = entry;
    const place = `${epoch}:${position}`;
    const known = this.#entries.get(place);
    if (known === undefined) {
      this.#entries.set(place, entry);
      for (const { version } of entry.writes) {
        this.#places.set(version, [...this.placesOf(version), { epoch, position }]);
      }
    } else if (known.checksum !== checksum) {
      const what = `${member} has another entry at position ${position} of epoch ${epoch} than was written first`;
      this.#onBreach({ rule: 'logs are prefixes', what });
    }
  }
}

export function lostLogOf({ epochs, lastEntry }: Pick<Store, 'epochs' | 'lastEntry'>): LostLog {
  return { epochs: [...epochs], lastPosition: lastEntry.position };
}

/** The epoch of the entry at a position. */
export function epochIn(epochs: readonly EpochStart[], position: number): number | undefined {
  return epochs.findLast(({ firstPosition }) => firstPosition <= position)?.epoch;
}

function writesOf({ operations, timestamp }: Entry): LostWrite[] {
  return operations.flatMap(({ kind, key, value }, index) => {
    if (kind !== 'put' && kind !== 'delete' && kind !== 'expire') return [];
    const text = typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
    return [{ key, value: kind === 'put' ? text : undefined, version: timestamp + index }];
  });
}
