import type { ByteString, Bytes, Metadata } from './bytes.ts';
import type { MemberRole, ShardId, Topology } from './topology.ts';

export type Ack = 'memory' | 'disk' | 'quorum';
export type Consistency = 'eventual' | 'session' | 'bounded' | 'strong';

/** A point in a shard's history; compared by epoch, then by position. Zeros: before the first entry. */
export interface Position {
  readonly epoch: number;
  readonly position: number;
}

export type Condition = { readonly kind: 'absent' } | { readonly kind: 'version'; readonly version: number };

interface OperationBase {
  /** The client's own number, unique among its unanswered operations of the stream. */
  readonly request: number;
  /** Keyspace id; 0: default. */
  readonly keyspace: number;
  readonly key: ByteString;
}

interface WriteBase extends OperationBase {
  /** From 1, rising within the client; 0: no operation id. */
  readonly sequence: number;
  /** 0: sent for the first time. */
  readonly firstSentTimestamp: number;
  readonly ack: Ack;
  readonly condition: Condition | undefined;
}

export interface PutOperation extends WriteBase {
  readonly kind: 'put';
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  /** 0: the keyspace's default; `noExpiry`: none at all. */
  readonly ttlMs: number;
  /** In place of a `ttlMs`: milliseconds since the Unix epoch. 0: as `ttlMs` says. */
  readonly expiresAtMs: number;
}

/** In place of a `ttlMs`: the record never expires, whatever the keyspace's default is. */
export const noExpiry = -1;

export interface DeleteOperation extends WriteBase {
  readonly kind: 'delete';
}

/** Adds to the integer that the value spells in decimal digits; a record that is not there counts as 0. */
export interface IncrementOperation extends WriteBase {
  readonly kind: 'increment';
  /** 64 bits. */
  readonly by: bigint;
}

/** Adds bytes to the end of the value; makes the record if there is none. */
export interface AppendOperation extends WriteBase {
  readonly kind: 'append';
  readonly value: Bytes;
}

/** Sets or removes the deadline of a record. */
export interface ExpireOperation extends WriteBase {
  readonly kind: 'expire';
  /** From now; `noExpiry` removes the deadline. */
  readonly ttlMs: number;
}

/** Writes of one shard that are carried out together or not at all; no two of the same key. */
export interface AtomicOperation {
  readonly kind: 'atomic';
  readonly request: number;
  readonly keyspace: number;
  /** Of the first write: by it the batch is routed. */
  readonly key: ByteString;
  /** Their `request` is their index; their `ack` is the batch's. */
  readonly writes: readonly SingleWriteOperation[];
}

export interface GetOperation extends OperationBase {
  readonly kind: 'get';
  readonly consistency: Consistency;
  /** For `session`; undefined: nothing. */
  readonly after: Position | undefined;
  /** For `bounded`. */
  readonly maxStalenessMs: number;
  /** Answer without value and metadata. */
  readonly omitValue: boolean;
}

/** An operation that could be read off the wire but has no meaning; answered with `invalid`. */
export interface MalformedOperation {
  readonly kind: 'malformed';
  readonly request: number;
}

export type SingleWriteOperation =
  | PutOperation
  | DeleteOperation
  | IncrementOperation
  | AppendOperation
  | ExpireOperation;
export type WriteOperation = SingleWriteOperation | AtomicOperation;
export type Operation = WriteOperation | GetOperation | MalformedOperation;

export interface BatchRequest {
  /** Topology revision that the client routed by; 0: none. */
  readonly revision: number;
  /** Epoch that the client knows; 0: any. */
  readonly epoch: number;
  /** 16 bytes as a byte string, or empty: no operation ids. */
  readonly client: ByteString;
  /** Sequences below are finished and will not be repeated. */
  readonly completedBelow: number;
  /** Empty: any. */
  readonly shard: ShardId;
  readonly operations: readonly Operation[];
}

export type BusyCause =
  | 'queue-operations'
  | 'queue-bytes'
  | 'client-share'
  | 'overlay'
  | 'clients'
  | 'queries'
  | 'unreplicated';

export type InvalidCause =
  | 'key-empty'
  | 'key-too-large'
  | 'value-too-large'
  | 'metadata-too-large'
  | 'no-such-keyspace'
  | 'ttl-out-of-range'
  | 'not-an-integer'
  | 'integer-overflow'
  | 'not-a-number'
  | 'field-not-indexed'
  | 'too-many-groups'
  | 'deadline-passed'
  | 'malformed';

/** How one operation ended. Expected endings are data; only a broken stream is an error. */
export type Outcome =
  | { readonly kind: 'put'; readonly version: number; readonly position: number }
  | { readonly kind: 'incremented'; readonly value: bigint; readonly version: number; readonly position: number }
  /** `length`: bytes that the value has now. */
  | { readonly kind: 'appended'; readonly length: number; readonly version: number; readonly position: number }
  /** `expiresAtMs` 0: the record does not expire. */
  | { readonly kind: 'expiring'; readonly expiresAtMs: number; readonly version: number; readonly position: number }
  /** One per write, in their order. When not applied, those that are not to blame are `not-done`. */
  | {
      readonly kind: 'atomic';
      readonly applied: boolean;
      readonly outcomes: readonly Outcome[];
      readonly position: number;
    }
  /** Of a write in an atomic batch that was not carried out because of another one in it. */
  | { readonly kind: 'not-done' }
  | { readonly kind: 'deleted'; readonly existed: boolean; readonly version: number; readonly position: number }
  | {
      readonly kind: 'found';
      readonly value: Bytes;
      readonly metadata: Metadata | undefined;
      readonly version: number;
      /** Milliseconds since the Unix epoch; 0: never. */
      readonly expiresAtMs: number;
      readonly position: number;
    }
  | { readonly kind: 'not-found'; readonly position: number }
  | { readonly kind: 'condition-failed'; readonly version: number; readonly position: number }
  | { readonly kind: 'wrong-shard'; readonly topology: Topology | undefined }
  | { readonly kind: 'not-primary'; readonly epoch: number }
  | { readonly kind: 'busy'; readonly cause: BusyCause; readonly retryAfterMs: number }
  | { readonly kind: 'too-stale'; readonly applied: Position; readonly stalenessMs: number }
  | { readonly kind: 'invalid'; readonly cause: InvalidCause; readonly message: string }
  | { readonly kind: 'too-old'; readonly windowMs: number }
  | { readonly kind: 'no-quorum'; readonly members: number; readonly needed: number }
  | { readonly kind: 'unavailable'; readonly message: string };

/** An outcome and the number of the operation that it belongs to. */
export interface Result {
  readonly request: number;
  readonly outcome: Outcome;
}

export interface BatchResponse {
  readonly results: readonly Result[];
  /** Empty save in the greeting that opens a stream. */
  readonly node: string;
  /** Undefined: unchanged since the greeting. */
  readonly role: MemberRole | undefined;
  /** Empty save in the greeting. */
  readonly shard: ShardId;
  /** Epoch of the newest entry that the node's reads show. */
  readonly epoch: number;
  /** The shard's clock. */
  readonly timestamp: number;
  /** 0 at a primary. */
  readonly stalenessMs: number;
}
