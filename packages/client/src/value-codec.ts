import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Value } from './options.ts';

/** How a value travels: bytes or text on the wire, anything in the application. */
export interface Codec<Item> {
  encode(item: Item): Value;
  /** Throws on a value that it cannot read. */
  decode(value: Uint8Array): Item;
}

/**
 * Any Standard Schema validator, also an asynchronous one. Checks each value that is written and each that is read, and
 * what it makes of the value is what is written or given: it must accept what it makes.
 */
export type ValueSchema<Item> = StandardSchemaV1<unknown, Item>;

export interface KeyspaceOptions<Item> {
  /** `json`: as JSON; its type is that of `schema`, or the call's type argument, which nobody checks. */
  readonly codec: 'json' | Codec<Item>;
  readonly schema?: ValueSchema<Item> | undefined;
}

export interface TextKeyspaceOptions<Item extends string> {
  /** Text, as UTF-8. */
  readonly codec: 'text';
  readonly schema?: ValueSchema<Item> | undefined;
}

export interface BytesKeyspaceOptions {
  readonly codec: 'bytes';
  readonly schema?: ValueSchema<Uint8Array> | undefined;
}
