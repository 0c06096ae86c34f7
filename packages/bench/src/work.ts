/** What a driver is asked to do; travels from the bench to its driver processes as JSON. */

export type Verb = 'put' | 'get';
export type Durability = 'memory' | 'disk';

/** A closed loop: each of `callers` awaits one operation after the other on uniformly random keys until time is up. */
export interface LoopWork {
  readonly kind: 'loop';
  readonly verb: Verb;
  readonly durability: Durability;
  readonly callers: number;
  readonly keys: number;
  readonly durationMs: number;
}

/** Writes each of `keys` keys once. */
export interface LoadWork {
  readonly kind: 'load';
  readonly callers: number;
  readonly keys: number;
}

export interface CloseWork {
  readonly kind: 'close';
}

export type Work = LoopWork | LoadWork | CloseWork;

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

/** What a driver talks to, in the form of its command line: `redis PORT PORT` or `edis HOST:PORT`. */
export type TargetAddress =
  | { readonly kind: 'redis'; readonly memoryPort: number; readonly diskPort: number }
  | { readonly kind: 'edis'; readonly info: string };

export const valueBytes = 100;
