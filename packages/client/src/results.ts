import {
  type EdisError,
  encodeSessionToken,
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

function tokenOf(place: AnswerPlace): string {
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

/** A node that answered. */
export interface ServedBy {
  readonly node: string;
  readonly role: MemberRole;
  readonly shard: ShardId;
}

/** A record that was found. */
export interface GetResult {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly version: number;
  readonly shard: ShardId;
  /** Session token of this answer: a read `after` it is at least as new. */
  readonly token: string;
  readonly servedBy: ServedBy;
  /** How far the answering node may be behind the primary; 0 at the primary. */
  readonly stalenessMs: number;
}

/** Figures of one member, or why there are none. */
export type NodeStatsReply =
  | { readonly node: string; readonly shard: ShardId; readonly stats: NodeStats; readonly error?: undefined }
  | { readonly node: string; readonly shard: ShardId; readonly error: EdisError; readonly stats?: undefined };

/** Where a key lives, and why there. */
export interface Location {
  readonly key: Key;
  readonly keyspace: string;
  readonly strategy: 'hash';
  readonly slot: number;
  readonly shard: ShardId;
  readonly epoch: number;
  readonly members: readonly LocationMember[];
  /** Nodes that this client would read from now; the primary alone when no replica is usable. */
  readonly readers: readonly string[];
}

export interface LocationMember {
  readonly node: string;
  readonly role: MemberRole;
  readonly alive: boolean;
  /** What this client dials. */
  readonly address: string;
}

// The classes keep `token` a getter on the prototype, so that a result is one small object of one hidden class.

export class CompletedPut implements PutResult {
  readonly applied = true;
  readonly key: Key;
  readonly version: number;
  readonly shard: ShardId;
  readonly #place: AnswerPlace;

  constructor(key: Key, version: number, place: AnswerPlace) {
    this.key = key;
    this.version = version;
    this.shard = place.shard;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): PutResult {
    const { applied, key, version, shard, token } = this;
    return { applied, key, version, shard, token };
  }
}

export class CompletedDelete implements DeleteResult {
  readonly applied = true;
  readonly key: Key;
  readonly existed: boolean;
  readonly version: number;
  readonly shard: ShardId;
  readonly #place: AnswerPlace;

  constructor(key: Key, existed: boolean, version: number, place: AnswerPlace) {
    this.key = key;
    this.existed = existed;
    this.version = version;
    this.shard = place.shard;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): DeleteResult {
    const { applied, key, existed, version, shard, token } = this;
    return { applied, key, existed, version, shard, token };
  }
}

export class UnmetWrite implements NotApplied {
  readonly applied = false;
  readonly key: Key;
  readonly version: number | undefined;
  readonly shard: ShardId;
  readonly #place: AnswerPlace;

  constructor(key: Key, version: number | undefined, place: AnswerPlace) {
    this.key = key;
    this.version = version;
    this.shard = place.shard;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): NotApplied {
    const { applied, key, version, shard, token } = this;
    return { applied, key, version, shard, token };
  }
}

export class FoundRecord implements GetResult {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly version: number;
  readonly shard: ShardId;
  readonly servedBy: ServedBy;
  readonly stalenessMs: number;
  readonly #place: AnswerPlace;

  constructor(
    key: Key,
    value: Uint8Array,
    metadata: Metadata,
    version: number,
    servedBy: ServedBy,
    stalenessMs: number,
    place: AnswerPlace,
  ) {
    this.key = key;
    this.value = value;
    this.metadata = metadata;
    this.version = version;
    this.shard = place.shard;
    this.servedBy = servedBy;
    this.stalenessMs = stalenessMs;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): GetResult {
    const { key, value, metadata, version, shard, token, servedBy, stalenessMs } = this;
    return { key, value, metadata, version, shard, token, servedBy, stalenessMs };
  }
}
