import {
  type Bytes,
  type Change,
  encodeFeedToken,
  type FeedPlace,
  type FeedScope,
  type Metadata,
  type ShardId,
  type WatchSnapshotCause,
} from '@edis/core';
import type { Key } from './options.ts';
import { callerKey } from './query-key.ts';
import type { RecordEvent, WatchEvent } from './query-options.ts';

/** Where the other shards of a feed stood when a run of events of one shard began. */
export interface TokenBase {
  readonly scope: FeedScope;
  readonly places: readonly (readonly [ShardId, FeedPlace])[];
}

const noMetadata: Metadata = Object.freeze({});

// The classes keep `token` a getter on the prototype, as results do: its text costs more than the event, and most
// readers look at few of them.

/** A record that was written, or that was there. */
class WrittenRecord implements RecordEvent<Uint8Array> {
  readonly kind: 'put' | 'snapshot';
  readonly key: Key;
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
  readonly shard: ShardId;
  readonly #base: TokenBase;
  readonly #place: FeedPlace;

  constructor(
    kind: 'put' | 'snapshot',
    change: Change,
    content: { readonly key: Key; readonly value: Uint8Array },
    shard: ShardId,
    base: TokenBase,
    place: FeedPlace,
  ) {
    this.kind = kind;
    this.key = content.key;
    this.value = content.value;
    this.metadata = change.metadata ?? noMetadata;
    this.version = change.version;
    this.expiresAtMs = change.expiresAtMs === 0 ? undefined : change.expiresAtMs;
    this.shard = shard;
    this.#base = base;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#base, this.shard, this.#place);
  }

  toJSON(): object {
    const { kind, key, value, metadata, version, expiresAtMs, shard, token } = this;
    return { kind, key, value, metadata, version, expiresAtMs, shard, token };
  }
}

/** A record that is gone. */
class RemovedRecord {
  readonly kind: 'delete' | 'expire';
  readonly key: Key;
  readonly version: number;
  readonly shard: ShardId;
  readonly #base: TokenBase;
  readonly #place: FeedPlace;

  constructor(kind: 'delete' | 'expire', key: Key, version: number, shard: ShardId, base: TokenBase, place: FeedPlace) {
    this.kind = kind;
    this.key = key;
    this.version = version;
    this.shard = shard;
    this.#base = base;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#base, this.shard, this.#place);
  }

  toJSON(): object {
    const { kind, key, version, shard, token } = this;
    return { kind, key, version, shard, token };
  }
}

export function changeEvent(change: Change, shard: ShardId, base: TokenBase, place: FeedPlace): WatchEvent {
  const key = callerKey(change.key);
  const { kind } = change;
  if (kind === 'delete' || kind === 'expire') return new RemovedRecord(kind, key, change.version, shard, base, place);
  return new WrittenRecord(kind, change, { key, value: bytesOf(change.value) }, shard, base, place);
}

type Mark = Extract<WatchEvent, { readonly kind: 'snapshot-begin' | 'snapshot-end' }>;

export function snapshotBegin(cause: WatchSnapshotCause, shard: ShardId, base: TokenBase, place: FeedPlace): Mark {
  return { kind: 'snapshot-begin', cause, shard, token: tokenOf(base, shard, place) };
}

export function snapshotEnd(shard: ShardId, base: TokenBase, place: FeedPlace): Mark {
  return { kind: 'snapshot-end', shard, token: tokenOf(base, shard, place) };
}

function tokenOf(base: TokenBase, shard: ShardId, place: FeedPlace): string {
  const places = base.places.map(([name, known]): readonly [ShardId, FeedPlace] => [
    name,
    name === shard ? place : known,
  ]);
  return encodeFeedToken(base.scope, places);
}

/** A copy: what was received is part of a whole message, which a reader that keeps the value would keep with it. */
function bytesOf(value: Bytes): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : new Uint8Array(value);
}
