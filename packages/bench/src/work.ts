/** What a driver is asked to do; travels from the bench to its driver processes as JSON. */

/**
 * `put+metadata` writes two metadata fields too; `put+quorum` waits for a quorum of the shard's members; `mput` and
 * `mget` are calls of many keys.
 */
export const verbs = ['put', 'get', 'put+metadata', 'put+quorum', 'mput', 'mget'] as const;
export type Verb = (typeof verbs)[number];

export const durabilities = ['memory', 'disk'] as const;
export type Durability = (typeof durabilities)[number];

export const mixNames = ['A', 'B', 'C', 'F', 'D'] as const;
export type MixName = (typeof mixNames)[number];

/** A closed loop: each of `callers` awaits one operation after the other on uniformly random keys until time is up. */
export interface LoopWork {
  readonly kind: 'loop';
  readonly verb: Verb;
  readonly durability: Durability;
  readonly callers: number;
  readonly keys: number;
  readonly durationMs: number;
}

/** A closed loop of reads and writes on keys that are not equally popular. Writes are as durable as `memory`. */
export interface MixWork {
  readonly kind: 'mix';
  readonly mix: MixName;
  readonly callers: number;
  readonly keys: number;
  readonly durationMs: number;
}

/** An open loop: each client of the driver puts at a fixed rate, whether or not earlier puts were answered. */
export interface PacedWork {
  readonly kind: 'paced';
  readonly ratePerSecond: number;
  readonly keys: number;
  readonly durationMs: number;
}

/** Writes each of `keys` keys once; with metadata, two fields of known selectivity. */
export interface LoadWork {
  readonly kind: 'load';
  readonly callers: number;
  readonly keys: number;
  readonly metadata: boolean;
}

/** Reads all records once, in order. */
export interface ScanWork {
  readonly kind: 'scan';
  readonly keys: number;
}

/** One search after the other, each for another value; `fields`: how many conditions. */
export interface SearchWork {
  readonly kind: 'search';
  readonly fields: 1 | 2;
  readonly keys: number;
  readonly durationMs: number;
}

/**
 * `begin` watches all keys from now on; `mark`, of the driver that writes, ends what is measured; `end` waits for the
 * mark and gives the lags.
 */
export interface FeedWork {
  readonly kind: 'feed';
  readonly act: 'begin' | 'mark' | 'end';
}

/** Waits until background work that earlier orders left behind is over. */
export interface SettleWork {
  readonly kind: 'settle';
}

export interface CloseWork {
  readonly kind: 'close';
}

/** What is measured in rounds. */
export type RoundWork = LoopWork | MixWork | SearchWork | ScanWork | PacedWork;
export type Order = RoundWork | LoadWork | FeedWork | SettleWork;
export type Work = Order | CloseWork;

export interface Measurement {
  readonly operations: number;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What a driver says: it is connected, it did the work, or it could not. */
export type DriverMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly measurement: Measurement }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * What a driver talks to, in the form of its command line: `redis PORT PORT`, `redis-cluster PORT PORT` (one node of
 * each durability's cluster) or `edis HOST:PORT CLIENTS`.
 */
export type TargetAddress =
  | { readonly kind: 'redis' | 'redis-cluster'; readonly memoryPort: number; readonly diskPort: number }
  | { readonly kind: 'edis'; readonly info: string; readonly clients: number };

export const valueBytes = 100;

/** Keys of one `mput` or `mget`. */
export const bulkKeys = 100;

/** Records that a search for one field finds; one for two fields finds a tenth of them. */
export const searchMatches = 100;
