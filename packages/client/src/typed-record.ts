import type { Metadata, ShardId } from '@edis/core';
import type { Typed } from './keyspace.ts';
import type { Key } from './options.ts';
import type { GetResult, ServedBy } from './results.ts';

/** A found record whose value was decoded. */
export class DecodedRecord<Item> implements Typed<Item> {
  readonly key: Key;
  readonly value: Item;
  readonly metadata: Metadata;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
  readonly shard: ShardId;
  readonly servedBy: ServedBy;
  readonly stalenessMs: number;
  readonly #found: GetResult;

  constructor(found: GetResult, value: Item) {
    this.key = found.key;
    this.value = value;
    this.metadata = found.metadata;
    this.version = found.version;
    this.expiresAtMs = found.expiresAtMs;
    this.shard = found.shard;
    this.servedBy = found.servedBy;
    this.stalenessMs = found.stalenessMs;
    this.#found = found;
  }

  get token(): string {
    return this.#found.token;
  }

  toJSON(): object {
    return Object.assign({ token: this.token }, this);
  }
}
