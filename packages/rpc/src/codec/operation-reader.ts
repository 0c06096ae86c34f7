import type {
  Ack,
  AtomicOperation,
  ByteString,
  Bytes,
  Condition,
  Consistency,
  Operation,
  Position,
  SingleWriteOperation,
} from '@edis/core';
import { limits, noExpiry } from '@edis/core';
import { MetadataReader } from './metadata-codec.ts';
import { readPosition } from './position-codec.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

/**
 * edis.v1.Operation by hand, straight into core's types.
 *
 * What can be read but has no meaning (no variant, an unknown enum value, `absent: false`, a TTL beside `no_expiry`, a
 * read within an atomic batch) becomes a malformed operation, which the shard answers with `invalid`; bytes that are no
 * message at all throw.
 */

/** By the number on the wire; unspecified means disk. */
const acks: readonly Ack[] = ['disk', 'memory', 'disk', 'quorum'];
/** By the number on the wire; unspecified means eventual. */
const consistencies: readonly Consistency[] = ['eventual', 'eventual', 'session', 'bounded', 'strong'];

/** Field numbers of Operation.operation. */
const putVariant = 5;
const deleteVariant = 6;
const getVariant = 7;
const incrementVariant = 8;
const appendVariant = 9;
const expireVariant = 10;
const atomicVariant = 11;

/** The operation under construction: fields may come in any order, so it is made when all of them are read. */
export class OperationReader {
  readonly #reader: ProtobufReader;
  readonly #metadata = new MetadataReader();
  /** For the writes of an atomic batch; undefined within one. */
  readonly #writeReader: OperationReader | undefined;
  #request = 0;
  #keyspace = 0;
  #sequence = 0;
  #firstSentTimestamp = 0;
  /** Field number of the last variant; 0: none. */
  #variant = 0;
  #key: ByteString = '';
  #value: Bytes = '';
  #by = 0n;
  #ttlMs = 0;
  #expires = true;
  #expiresAtMs = 0;
  #enumValue = 0;
  #condition: Condition | undefined = undefined;
  #conditionHasNoMeaning = false;
  #after: Position | undefined = undefined;
  #maxStalenessMs = 0;
  #omitValue = false;
  /** Undefined: one of them has no meaning, or they are too many. */
  #writes: SingleWriteOperation[] | undefined = undefined;

  constructor(reader: ProtobufReader, place: 'outermost' | 'within-atomic' = 'outermost') {
    this.#reader = reader;
    this.#writeReader = place === 'outermost' ? new OperationReader(reader, 'within-atomic') : undefined;
  }

  read(): Operation {
    const reader = this.#reader;
    const outer = reader.enter();
    this.#request = 0;
    this.#keyspace = 0;
    this.#sequence = 0;
    this.#firstSentTimestamp = 0;
    this.#variant = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) this.#request = reader.uint32();
      else if (tag === 0x10) this.#keyspace = reader.uint32();
      else if (tag === 0x18) this.#sequence = reader.varint();
      else if (tag === 0x20) this.#firstSentTimestamp = reader.varint();
      else if (tag === 0x2a) this.#readPut();
      else if (tag === 0x3a) this.#readGet();
      else this.#readRare(tag);
    }
    reader.leave(outer);
    return this.#make();
  }

  #readRare(tag: number): void {
    if (tag === 0x32) this.#readDelete();
    else if (tag === 0x42) this.#readIncrement();
    else if (tag === 0x4a) this.#readAppend();
    else if (tag === 0x52) this.#readExpire();
    else if (tag === 0x5a) this.#readAtomic();
    else this.#reader.skip(tag);
  }

  #make(): Operation {
    const request = this.#request;
    if (this.#variant === 0 || this.#conditionHasNoMeaning) return { kind: 'malformed', request };
    if (this.#variant === getVariant) return this.#makeGet(request);
    if (this.#variant === atomicVariant) return this.#makeAtomic(request);
    const ack = acks[this.#enumValue];
    return ack === undefined ? { kind: 'malformed', request } : this.#makeWrite(request, ack);
  }

  #makeWrite(request: number, ack: Ack): Operation {
    if (this.#variant === putVariant) return this.#makePut(request, ack);
    const base = {
      request,
      keyspace: this.#keyspace,
      key: this.#key,
      sequence: this.#sequence,
      firstSentTimestamp: this.#firstSentTimestamp,
      ack,
      condition: this.#condition,
    };
    switch (this.#variant) {
      case deleteVariant:
        return { kind: 'delete', ...base };
      case incrementVariant:
        return { kind: 'increment', ...base, by: this.#by };
      case appendVariant:
        return { kind: 'append', ...base, value: this.#value };
      default:
        if (!this.#expires && this.#ttlMs !== 0) return { kind: 'malformed', request };
        return { kind: 'expire', ...base, ttlMs: this.#expires ? this.#ttlMs : noExpiry };
    }
  }

  #makePut(request: number, ack: Ack): Operation {
    if (!this.#expires && this.#ttlMs + this.#expiresAtMs > 0) return { kind: 'malformed', request };
    return {
      kind: 'put',
      request,
      keyspace: this.#keyspace,
      key: this.#key,
      sequence: this.#sequence,
      firstSentTimestamp: this.#firstSentTimestamp,
      ack,
      condition: this.#condition,
      value: this.#value,
      metadata: this.#metadata.value,
      ttlMs: this.#expires ? this.#ttlMs : noExpiry,
      expiresAtMs: this.#expiresAtMs,
    };
  }

  #makeGet(request: number): Operation {
    const consistency = consistencies[this.#enumValue];
    if (consistency === undefined) return { kind: 'malformed', request };
    return {
      kind: 'get',
      request,
      keyspace: this.#keyspace,
      key: this.#key,
      consistency,
      after: this.#after,
      maxStalenessMs: this.#maxStalenessMs,
      omitValue: this.#omitValue,
    };
  }

  #makeAtomic(request: number): Operation {
    const first = this.#writes?.[0];
    if (this.#writes === undefined || first === undefined) return { kind: 'malformed', request };
    const keyspace = this.#keyspace;
    const firstSentTimestamp = this.#firstSentTimestamp;
    const sequence = this.#sequence;
    const { key, ack } = first;
    const writes = this.#writes.map((write, index) => ({
      ...write,
      request: index,
      keyspace,
      sequence: sequence === 0 ? 0 : sequence + index,
      firstSentTimestamp,
      ack,
    }));
    const operation: AtomicOperation = { kind: 'atomic', request, keyspace, key, writes };
    return operation;
  }

  #beginVariant(variant: number): number {
    this.#variant = variant;
    this.#key = '';
    this.#enumValue = 0;
    this.#condition = undefined;
    this.#conditionHasNoMeaning = false;
    return this.#reader.enter();
  }

  #readPut(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(putVariant);
    this.#value = '';
    this.#ttlMs = 0;
    this.#expires = true;
    this.#expiresAtMs = 0;
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x12) this.#value = reader.shortBytes();
      else if (tag === 0x1a) this.#metadata.readEntry(reader);
      else if (tag === 0x20) this.#enumValue = reader.varint();
      else if (tag === 0x2a) this.#readCondition();
      else if (tag === 0x30) this.#ttlMs = reader.varint();
      else if (tag === 0x38) this.#expires = !reader.bool();
      else if (tag === 0x40) this.#expiresAtMs = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readDelete(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(deleteVariant);
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x10) this.#enumValue = reader.varint();
      else if (tag === 0x1a) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readIncrement(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(incrementVariant);
    this.#by = 0n;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x10) this.#by = reader.sint64();
      else if (tag === 0x18) this.#enumValue = reader.varint();
      else if (tag === 0x22) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readAppend(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(appendVariant);
    this.#value = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x12) this.#value = reader.shortBytes();
      else if (tag === 0x18) this.#enumValue = reader.varint();
      else if (tag === 0x22) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readExpire(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(expireVariant);
    this.#ttlMs = 0;
    this.#expires = true;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x10) this.#ttlMs = reader.varint();
      else if (tag === 0x18) this.#expires = !reader.bool();
      else if (tag === 0x20) this.#enumValue = reader.varint();
      else if (tag === 0x2a) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readGet(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(getVariant);
    this.#after = undefined;
    this.#maxStalenessMs = 0;
    this.#omitValue = false;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x10) this.#enumValue = reader.varint();
      else if (tag === 0x1a) this.#after = readPosition(reader);
      else if (tag === 0x20) this.#maxStalenessMs = reader.uint32();
      else if (tag === 0x28) this.#omitValue = reader.bool();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readAtomic(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(atomicVariant);
    const writes: SingleWriteOperation[] = [];
    let hasMeaning = this.#writeReader !== undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag !== 0x0a || this.#writeReader === undefined || !hasMeaning) {
        reader.skip(tag);
        continue;
      }
      const write = this.#writeReader.read();
      if (isSingleWrite(write) && writes.length < limits.maxAtomicOperations) writes.push(write);
      else hasMeaning = false;
    }
    reader.leave(outer);
    this.#writes = hasMeaning ? writes : undefined;
  }

  #readCondition(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    this.#condition = undefined;
    this.#conditionHasNoMeaning = false;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) {
        this.#conditionHasNoMeaning = !reader.bool();
        this.#condition = { kind: 'absent' };
      } else if (tag === 0x10) {
        this.#conditionHasNoMeaning = false;
        this.#condition = { kind: 'version', version: reader.varint() };
      } else reader.skip(tag);
    }
    reader.leave(outer);
  }
}

function isSingleWrite(operation: Operation): operation is SingleWriteOperation {
  return operation.kind !== 'get' && operation.kind !== 'atomic' && operation.kind !== 'malformed';
}
