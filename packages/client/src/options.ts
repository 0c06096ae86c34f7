import { type Ack, type Consistency, EdisError, type Metadata } from '@edis/core';
import type { ReadReply } from './results.ts';

/** A key: text (stored as UTF-8) or bytes. 1 B – 4 KiB. Bytes must not change until the call has settled. */
export type Key = string | Uint8Array;

/** A value: text (stored as UTF-8) or bytes. At most 8 MiB. Bytes must not change until the call has settled. */
export type Value = string | Uint8Array;

export interface ConnectOptions {
  /** Where info is, as host:port; with several, the next one is asked when one does not answer. */
  readonly info: string | readonly string[];
  /**
   * Name of the network whose endpoints are dialled.
   * @default the network of the info endpoint that was dialled, else each node's first
   */
  readonly network?: string | undefined;
  /**
   * Deadline of each operation that does not name its own, and of `connect` itself.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How fresh reads are that do not say so themselves. Not `bounded`, which needs a bound at each read.
   * @default 'session'
   */
  readonly consistency?: Consistency | undefined;
  /**
   * How safe writes are, before they are acknowledged, that do not say so themselves.
   * @default 'disk'
   */
  readonly ack?: Ack | undefined;
  /** Gives up connecting; has no effect on the client afterwards. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Keyspace of all operations.
   * @default 'default'
   */
  readonly keyspace?: string | undefined;
}

/** What every operation takes. */
export interface CallOptions {
  /**
   * Deadline, counted from the call. At most an hour.
   * @default the client's `timeoutMs`
   */
  readonly timeoutMs?: number | undefined;
  /** Gives the operation up; a write that was sent already may still be carried out (`outcomeUnknown`). */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /**
   * How safe the write must be before it is acknowledged.
   * @default the client's `ack`
   */
  readonly ack?: Ack | undefined;
}

/** Of a write that always takes place. */
export interface DeleteOptions extends WriteOptions {
  readonly ifVersion?: undefined;
}

/** Of a delete that may find its condition unmet. */
export interface ConditionalDeleteOptions extends WriteOptions {
  /** Delete only the record with this version. */
  readonly ifVersion?: number | undefined;
}

/** Of `promote`. */
export interface PromoteOptions extends CallOptions {
  /**
   * Name of the node that is to lead.
   * @default the best that is alive
   */
  readonly node?: string | undefined;
  /**
   * Also when too few members are there to be sure of what was acknowledged. Writes that only the lost members had are
   * gone then, those with `ack: quorum` included.
   * @default false
   */
  readonly unsafe?: boolean | undefined;
}

/** How long a record lives; at most one of the two. */
export interface RecordLife {
  /**
   * The record is gone after that long; 'never': it stays, whatever the keyspace's default is.
   * @default the keyspace's default TTL, else 'never'
   */
  readonly ttlMs?: number | 'never' | undefined;
  /** The record is gone at that moment: milliseconds since 1970 by the shard's clock. 'expired' if it has passed. */
  readonly expiresAtMs?: number | undefined;
}

/** Of a write that always takes place. */
export interface PutOptions extends WriteOptions, RecordLife {
  /** Replaces the metadata that the record had; none: the record has none afterwards. */
  readonly metadata?: Metadata | undefined;
  readonly ifAbsent?: undefined;
  readonly ifVersion?: undefined;
}

/** Of a put that may find its condition unmet; at most one of the two conditions. */
export interface ConditionalPutOptions extends WriteOptions, RecordLife {
  /** Replaces the metadata that the record had; none: the record has none afterwards. */
  readonly metadata?: Metadata | undefined;
  /** Write only if there is no record. */
  readonly ifAbsent?: boolean | undefined;
  /** Write only over the record with this version. */
  readonly ifVersion?: number | undefined;
}

/** Is told of an answer. What it throws ends the read. */
export type OnReply = (reply: ReadReply) => void;

export interface GetOptions extends CallOptions {
  /**
   * How fresh the answer must be.
   * @default `session` with `after`, `bounded` with `maxStalenessMs`, else the client's `consistency`
   */
  readonly consistency?: Consistency | undefined;
  /** For `bounded`: how far the answering node may be behind the primary. */
  readonly maxStalenessMs?: number | undefined;
  /** For `session`: a token whose writes must be seen, besides all that this client has seen. */
  readonly after?: string | undefined;
  /**
   * Is told of each answer that the result is made of, also when nothing was found: once for a single record, else once
   * for each answer of a shard. Before the call resolves; of a page, before its first record is taken. Not of tries
   * that were repeated.
   */
  readonly onReply?: OnReply | undefined;
}

/** A record to write, apart from its value. */
export interface EntryHead extends RecordLife {
  readonly key: Key;
  readonly metadata?: Metadata | undefined;
}

/** One record of `mput`. */
export interface PutEntry extends EntryHead {
  readonly value: Value;
}

/** One write of `batch`; at most one condition. */
export type BatchWrite =
  | (PutEntry & {
      readonly kind: 'put';
      readonly ifAbsent?: boolean | undefined;
      readonly ifVersion?: number | undefined;
    })
  | { readonly kind: 'delete'; readonly key: Key; readonly ifVersion?: number | undefined }
  | { readonly kind: 'increment'; readonly key: Key; readonly by?: number | bigint | undefined }
  | { readonly kind: 'append'; readonly key: Key; readonly value: Value };

/** What `connect` made of its options; never changes. */
export interface ClientConfig {
  readonly infoAddresses: readonly string[];
  readonly network: string | undefined;
  readonly timeoutMs: number;
  readonly consistency: Consistency;
  readonly ack: Ack;
  readonly keyspace: string;
}

/** Longest deadline: what outlives it is a job for a queue, not for a call. */
export const maxTimeoutMs = 3_600_000;

const defaultTimeoutMs = 5_000;
const consistencies: readonly Consistency[] = ['eventual', 'session', 'bounded', 'strong'];
const acks: readonly Ack[] = ['memory', 'disk', 'quorum'];

export function resolveOptions(options: ConnectOptions): ClientConfig {
  const infoAddresses = typeof options.info === 'string' ? [options.info] : [...options.info];
  if (infoAddresses.length === 0) throw invalid('no info address given; give at least one as host:port');
  for (const address of infoAddresses) checkAddress(address);
  const consistency = options.consistency ?? 'session';
  checkConsistency(consistency);
  if (consistency === 'bounded') {
    throw invalid('consistency bounded cannot be a default; give maxStalenessMs at each read');
  }
  const ack = options.ack ?? 'disk';
  checkAck(ack);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  checkTimeoutMs(timeoutMs);
  return Object.freeze({
    infoAddresses: Object.freeze(infoAddresses),
    network: options.network,
    timeoutMs,
    consistency,
    ack,
    keyspace: options.keyspace ?? 'default',
  });
}

/** JavaScript may give anything. */
export function checkOptions(options: object | undefined): void {
  if (options === undefined || (typeof options === 'object' && options !== null)) return;
  throw invalid('the options are no object');
}

export function checkTimeoutMs(timeoutMs: number): void {
  if (timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return;
  throw invalid(`timeoutMs is ${timeoutMs}; give more than 0 and at most ${maxTimeoutMs}`);
}

export function checkAck(ack: Ack): void {
  if (!acks.includes(ack)) throw invalid(`ack is ${String(ack)}; give one of ${acks.join(', ')}`);
}

export function checkConsistency(consistency: Consistency): void {
  if (consistencies.includes(consistency)) return;
  throw invalid(`consistency is ${String(consistency)}; give one of ${consistencies.join(', ')}`);
}

export function checkOnReply(onReply: unknown): void {
  if (onReply !== undefined && typeof onReply !== 'function') throw invalid('onReply is no function');
}

function checkAddress(address: string): void {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port > 0 && port <= 65_535) return;
  throw invalid(`info address ${JSON.stringify(address)} is not host:port`);
}

function invalid(message: string): EdisError {
  return new EdisError('invalid-argument', message);
}
