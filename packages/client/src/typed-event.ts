import type { Metadata, ShardId } from '@edis/core';
import type { Key } from './options.ts';
import type { RecordEvent } from './query-options.ts';

/** A change whose value was decoded. */
export class DecodedEvent<Item> implements RecordEvent<Item> {
  readonly kind: 'put' | 'snapshot';
  readonly key: Key;
  readonly value: Item;
  readonly metadata: Metadata;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
  readonly shard: ShardId;
  readonly #event: RecordEvent<unknown>;

  constructor(event: RecordEvent<unknown>, value: Item) {
    this.kind = event.kind;
    this.key = event.key;
    this.value = value;
    this.metadata = event.metadata;
    this.version = event.version;
    this.expiresAtMs = event.expiresAtMs;
    this.shard = event.shard;
    this.#event = event;
  }

  /** Its text costs more than the event, and most readers look at few of them. */
  get token(): string {
    return this.#event.token;
  }

  toJSON(): object {
    return Object.assign({ token: this.token }, this);
  }
}
