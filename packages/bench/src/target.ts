import type { Durability } from './work.ts';

/** A store under load, in the fewest calls that the comparison needs. */
export interface Target {
  put(key: string, value: string, durability: Durability): Promise<unknown>;
  /** Whether the key was there. */
  get(key: string, durability: Durability): Promise<boolean>;
  putMany(keys: readonly string[], value: string, durability: Durability): Promise<unknown>;
  /** How many of the keys were there. */
  getMany(keys: readonly string[], durability: Durability): Promise<number>;
  /** Loads go to each place that later loops read or write. */
  load(key: string, value: string): Promise<unknown>;
  /** Waits until background work that the load left behind is over, so that it does not disturb what comes next. */
  settle(): Promise<void>;
  close(): Promise<void>;
  /** What only Edis has; undefined: this is another store. */
  readonly records: RecordTarget | undefined;
}

/** `ended` resolves after the signal fired and rejects if the feed broke before. */
export interface FeedEnd {
  readonly ended: Promise<void>;
}

/** What has no counterpart elsewhere, and is measured against fixed floors. */
export interface RecordTarget {
  putWithMetadata(
    key: string,
    value: string,
    metadata: Readonly<Record<string, string>>,
    durability: Durability,
  ): Promise<unknown>;
  /** Safe on a quorum of the shard's members when it resolves. */
  putWithQuorum(key: string, value: string): Promise<unknown>;
  /** Reads all records in order; how many there were. */
  scanAll(): Promise<number>;
  /** Asks the only shard directly, without the SDK; how many records were found. */
  search(where: Readonly<Record<string, string>>): Promise<number>;
  /** Calls back for all changes behind the moment at which it resolves, until the signal fires. */
  watch(onChange: (key: string, value: Uint8Array) => void, signal: AbortSignal): Promise<FeedEnd>;
}
