import {
  type EdisError,
  encodeSessionToken,
  type KeyspaceSettings,
  type LatencyFigures,
  type MemberRole,
  type Metadata,
  type NodeStats,
  type ShardId,
} from '@edis/core';
import type { Key } from './options.ts';

/**
 * Where an answer stands in the history of its shard. Results keep these numbers, not the token's text: most callers
 * never look at it, and making it costs more than the operation.
 */
export interface AnswerPlace {
  readonly cluster: string;
  readonly shard: ShardId;
  readonly epoch: number;
  readonly position: number;
}

/** Who gave an answer, and where it stands. */
export interface Answer {
  readonly place: AnswerPlace;
  readonly servedBy: ServedBy;
  readonly stalenessMs: number;
}

export function tokenOf(place: AnswerPlace): string {
  const { cluster, shard, epoch, position } = place;
  return encodeSessionToken({ cluster, positions: new Map([[shard, { epoch, position }]]) });
}

/** A put that was carried out. */
export interface PutResult {
  readonly applied: true;
  readonly key: Key;
  /** Of the record now. */
  readonly version: number;
  readonly shard: ShardId;
  /** Session token of this write: a read `after` it sees it. */
  readonly token: string;
}

/** A delete that was carried out. */
export interface DeleteResult {
  readonly applied: true;
  readonly key: Key;
  /** Whether there was a record. */
  readonly existed: boolean;
  /** Of the delete itself; 0 when there was no record. */
  readonly version: number;
  readonly shard: ShardId;
  /** Session token of this delete: a read `after` it sees it. */
  readonly token: string;
}

/** A write whose condition did not hold; nothing was changed. */
export interface NotApplied {
  readonly applied: false;
  readonly key: Key;
  /** Of the record that is there; undefined: there is none. */
  readonly version: number | undefined;
  readonly shard: ShardId;
  /** Session token of what the condition met. */
  readonly token: string;
}

/** An increment that was carried out. */
export interface IncrementResult {
  readonly applied: true;
  readonly key: Key;
  /** The sum. */
  readonly value: bigint;
  readonly version: number;
  readonly shard: ShardId;
  readonly token: string;
}

/** An append that was carried out. */
export interface AppendResult {
  readonly applied: true;
  readonly key: Key;
  /** Bytes that the value has now. */
  readonly length: number;
  readonly version: number;
  readonly shard: ShardId;
  readonly token: string;
}

/** A deadline that was set or removed. */
export interface ExpireResult {
  readonly applied: true;
  readonly key: Key;
  /** Milliseconds since the Unix epoch; undefined: never. */
  readonly expiresAtMs: number | undefined;
  readonly version: number;
  readonly shard: ShardId;
  readonly token: string;
}

/** How one write of a batch ended. `not-done`: another write of its shard had an unmet condition. */
export type BatchWriteResult =
  | PutResult
  | DeleteResult
  | IncrementResult
  | AppendResult
  | NotApplied
  | { readonly applied: false; readonly key: Key; readonly reason: 'not-done' };

/** The writes of a batch that one shard carries out together, or not at all. */
export type BatchPart =
  | {
      readonly shard: ShardId;
      readonly status: 'done' | 'condition-failed';
      /** Places of its writes in the batch. */
      readonly indexes: readonly number[];
      readonly results: readonly BatchWriteResult[];
      readonly error?: undefined;
    }
  | {
      readonly shard: ShardId;
      /** `unknown`: it may have been carried out, as a whole. `failed`: it was not. */
      readonly status: 'failed' | 'unknown';
      readonly indexes: readonly number[];
      readonly results?: undefined;
      readonly error: EdisError;
    };

export interface BatchResult {
  /** Whether every part is done. */
  readonly applied: boolean;
  /** One per shard. */
  readonly parts: readonly BatchPart[];
}

/** A keyspace. */
export interface KeyspaceDescription {
  readonly name: string;
  readonly id: number;
  readonly strategy: 'hash';
  readonly settings: KeyspaceSettings;
  /** Records and bytes as the primaries' views have them; undefined where one did not answer. */
  readonly records: number | undefined;
  readonly bytes: number | undefined;
}

/** A shard has the primary that was wanted. */
export interface PromoteResult {
  readonly shard: ShardId;
  /** Name of the node that leads now. */
  readonly primary: string;
  /** Name of the node that led before; the same when it is promoted anew, or led already. */
  readonly formerPrimary: string;
  readonly epoch: number;
  /** From the call to the map that shows it; writes waited for no longer. */
  readonly tookMs: number;
}

/** A node that answered. */
export interface ServedBy {
  readonly node: string;
  readonly role: MemberRole;
  readonly shard: ShardId;
}

/** What one node answered to a read, whether it found anything or not. */
export interface ReadReply {
  /** Those that it was asked for, or those of the page that it gave; undefined: of a count or an aggregate. */
  readonly keys: readonly Key[] | undefined;
  readonly shard: ShardId;
  /** Session token of this answer: a read `after` it is at least as new. */
  readonly token: string;
  readonly servedBy: ServedBy;
  /** How far the answering node may be behind the primary; 0 at the primary. */
  readonly stalenessMs: number;
}

/** A record, apart from its value. */
export interface RecordHead {
  readonly key: Key;
  readonly metadata: Metadata;
  readonly version: number;
  /** Milliseconds since the Unix epoch; undefined: never. */
  readonly expiresAtMs: number | undefined;
  readonly shard: ShardId;
  /** Session token of this answer: a read `after` it is at least as new. */
  readonly token: string;
  readonly servedBy: ServedBy;
  /** How far the answering node may be behind the primary; 0 at the primary. */
  readonly stalenessMs: number;
}

/** A record that was found. */
export interface GetResult extends RecordHead {
  readonly value: Uint8Array;
}

/** Figures of one member, or why there are none. */
export type NodeStatsReply =
  | { readonly node: string; readonly shard: ShardId; readonly stats: NodeStats; readonly error?: undefined }
  | { readonly node: string; readonly shard: ShardId; readonly error: EdisError; readonly stats?: undefined };

/** Figures of a shard as a whole: what its primary holds, and what all its members do that answered. */
export interface ShardStats {
  readonly shard: ShardId;
  /** That answered. */
  readonly nodeCount: number;
  /** Of the primary; without one, of the member that has the most. */
  readonly recordCount: number;
  readonly recordBytes: number;
  /** Of all members. */
  readonly operationsPerSecond: number;
  readonly queueOperations: number;
  /** Of the member that is furthest behind. */
  readonly lagEntries: number;
  /** Of the slowest member. */
  readonly readLatencyUs: LatencyFigures;
  readonly writeLatencyUs: LatencyFigures;
  /** Of all members. */
  readonly cacheHitCount: number;
  readonly cacheMissCount: number;
  /** Undefined: nothing was looked up. */
  readonly cacheHitRatio: number | undefined;
  readonly receiptOperations: number;
}

/** Both of the same answers, in the order of the shards. */
export interface ClusterStats {
  readonly shards: readonly ShardStats[];
  readonly nodes: readonly NodeStatsReply[];
}

/** Where a key lives, and why there. */
export interface Location {
  readonly key: Key;
  readonly keyspace: string;
  readonly strategy: 'hash';
  /** The part of the key that alone is hashed, the one in braces; undefined: the whole key is. */
  readonly hashTag: string | undefined;
  readonly slot: number;
  readonly shard: ShardId;
  readonly epoch: number;
  readonly members: readonly LocationMember[];
  /** Nodes that this client would read from now; empty: nobody could answer. */
  readonly readers: readonly string[];
  /** Node of the primary, which alone writes and answers strong reads; undefined: the map has none. */
  readonly writer: string | undefined;
  /** Nodes that may lead when the primary is lost; the one with the best log will. */
  readonly successors: readonly string[];
}

/**
 * Why a member would, or would not, answer a read that any replica may answer.
 *
 * It would: `replica`, in turn with the others; `only-primary`, the primary while no replica is usable;
 * `still-answers`, the only one that this client reaches, though info holds it for dead.
 *
 * It would not: `replicas-first`, the primary while there are replicas to spare it; `learner`, not level yet; `down`,
 * as info says; `unreachable` for this client.
 */
export type ReadCause =
  | 'replica'
  | 'only-primary'
  | 'still-answers'
  | 'replicas-first'
  | 'learner'
  | 'down'
  | 'unreachable';

export interface LocationMember {
  readonly node: string;
  readonly role: MemberRole;
  readonly alive: boolean;
  /** It counts for quorum, and may lead when the primary is lost. */
  readonly voting: boolean;
  /** What this client dials. */
  readonly address: string;
  /** Whether this client would read from it now, and why or why not. */
  readonly reads: boolean;
  readonly readCause: ReadCause;
}

const noMetadata: Metadata = Object.freeze({});

/** What all answers share. `token` is a getter on the prototype, so that a result is one small object. */
abstract class Answered<Version extends number | undefined = number> {
  readonly key: Key;
  readonly version: Version;
  readonly shard: ShardId;
  readonly #place: AnswerPlace;

  constructor(key: Key, version: Version, place: AnswerPlace) {
    this.key = key;
    this.version = version;
    this.shard = place.shard;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): object {
    return Object.assign({ token: this.token }, this);
  }
}

export class CompletedPut extends Answered implements PutResult {
  readonly applied = true;
}

export class CompletedDelete extends Answered implements DeleteResult {
  readonly applied = true;
  readonly existed: boolean;

  constructor(key: Key, existed: boolean, version: number, place: AnswerPlace) {
    super(key, version, place);
    this.existed = existed;
  }
}

export class CompletedIncrement extends Answered implements IncrementResult {
  readonly applied = true;
  readonly value: bigint;

  constructor(key: Key, value: bigint, version: number, place: AnswerPlace) {
    super(key, version, place);
    this.value = value;
  }

  /** JSON has no 64-bit integers: the sum is text there. */
  override toJSON(): object {
    return { ...super.toJSON(), value: this.value.toString() };
  }
}

export class CompletedAppend extends Answered implements AppendResult {
  readonly applied = true;
  readonly length: number;

  constructor(key: Key, length: number, version: number, place: AnswerPlace) {
    super(key, version, place);
    this.length = length;
  }
}

export class CompletedExpire extends Answered implements ExpireResult {
  readonly applied = true;
  readonly expiresAtMs: number | undefined;

  constructor(key: Key, expiresAtMs: number | undefined, version: number, place: AnswerPlace) {
    super(key, version, place);
    this.expiresAtMs = expiresAtMs;
  }
}

export class UnmetWrite extends Answered<number | undefined> implements NotApplied {
  readonly applied = false;
}

export class FoundRecord extends Answered implements GetResult {
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly expiresAtMs: number | undefined;
  readonly servedBy: ServedBy;
  readonly stalenessMs: number;

  /** @param expiresAtMs 0: never */
  constructor(
    key: Key,
    value: Uint8Array,
    metadata: Metadata | undefined,
    version: number,
    expiresAtMs: number,
    answer: Answer,
  ) {
    super(key, version, answer.place);
    this.value = value;
    this.metadata = metadata ?? noMetadata;
    this.expiresAtMs = expiresAtMs === 0 ? undefined : expiresAtMs;
    this.servedBy = answer.servedBy;
    this.stalenessMs = answer.stalenessMs;
  }
}
