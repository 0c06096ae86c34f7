import { ContentHash } from './content-hash.ts';
import type { KeyspaceRow } from './keyspace-row.ts';
import type { Digest } from './record-row.ts';
import type { ViewState } from './view-state.ts';

export interface KeyspaceSums {
  recordCount: number;
  recordBytes: number;
}

/** What the view holds, in numbers: kept exact by adding what is written and subtracting what it replaces. */
export class ViewSums {
  recordCount: number;
  recordBytes: number;
  readonly hash: ContentHash;
  /** Of each keyspace that has ever had a record. */
  readonly #keyspaces: ReadonlyMap<number, KeyspaceSums>;
  readonly #touched = new Map<number, KeyspaceSums>();
  /** Writes in a row are mostly of one keyspace. */
  #recentId = -1;
  #recent: KeyspaceSums = { recordCount: 0, recordBytes: 0 };

  private constructor(
    recordCount: number,
    recordBytes: number,
    hash: ContentHash,
    keyspaces: ReadonlyMap<number, KeyspaceSums>,
  ) {
    this.recordCount = recordCount;
    this.recordBytes = recordBytes;
    this.hash = hash;
    this.#keyspaces = keyspaces;
  }

  static of(state: ViewState, rows: readonly KeyspaceRow[]): ViewSums {
    const { recordCount, recordBytes, contentHash } = state;
    const keyspaces = new Map<number, KeyspaceSums>();
    for (const row of rows) keyspaces.set(row.id, { recordCount: row.recordCount, recordBytes: row.recordBytes });
    return new ViewSums(recordCount, recordBytes, ContentHash.parse(contentHash), keyspaces);
  }

  /** The same, with nothing touched. */
  copy(): ViewSums {
    const keyspaces = this.#touched.size === 0 ? this.#keyspaces : new Map([...this.#keyspaces, ...this.#touched]);
    return new ViewSums(this.recordCount, this.recordBytes, this.hash.copy(), keyspaces);
  }

  get keyspaces(): ReadonlyMap<number, KeyspaceSums> {
    return this.#touched.size === 0 ? this.#keyspaces : new Map([...this.#keyspaces, ...this.#touched]);
  }

  /** Keyspaces whose sums have changed since `copy`. */
  get touched(): ReadonlyMap<number, KeyspaceSums> {
    return this.#touched;
  }

  of(keyspace: number): KeyspaceSums {
    return this.#touched.get(keyspace) ?? this.#keyspaces.get(keyspace) ?? { recordCount: 0, recordBytes: 0 };
  }

  add(keyspace: number, record: Digest): void {
    const sums = keyspace === this.#recentId ? this.#recent : this.#touch(keyspace);
    sums.recordCount++;
    sums.recordBytes += record.size;
    this.recordCount++;
    this.recordBytes += record.size;
    this.hash.add(record.highLane, record.lowLane);
  }

  subtract(keyspace: number, record: Digest): void {
    const sums = keyspace === this.#recentId ? this.#recent : this.#touch(keyspace);
    sums.recordCount--;
    sums.recordBytes -= record.size;
    this.recordCount--;
    this.recordBytes -= record.size;
    this.hash.subtract(record.highLane, record.lowLane);
  }

  #touch(keyspace: number): KeyspaceSums {
    let sums = this.#touched.get(keyspace);
    if (sums === undefined) {
      const known = this.#keyspaces.get(keyspace);
      sums = { recordCount: known?.recordCount ?? 0, recordBytes: known?.recordBytes ?? 0 };
      this.#touched.set(keyspace, sums);
    }
    this.#recentId = keyspace;
    this.#recent = sums;
    return sums;
  }
}
