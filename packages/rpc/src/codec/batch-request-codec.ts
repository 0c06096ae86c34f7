import type {
  Ack,
  BatchRequest,
  ByteString,
  Bytes,
  Condition,
  Consistency,
  GetOperation,
  Metadata,
  Operation,
  Position,
  WriteOperation,
} from '@edis/core';
import { limits, unreachable } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { MetadataReader, metadataSize, writeMetadata } from './metadata-codec.ts';
import { positionSize, readPosition, writePosition } from './position-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize, varintSize } from './protobuf-writer.ts';

/**
 * edis.v1.BatchRequest by hand, because it is the data path: one pass over the operations for the sizes, one that
 * writes, and on the way in straight into core's types. Tags are literals (field number * 8 + wire type) beside the
 * field's name.
 *
 * What can be read but has no meaning (no variant, an unknown enum value, `absent: false`) becomes a malformed
 * operation, which the shard answers with `invalid`; bytes that are no message at all throw.
 */

function ackNumber(ack: Ack): number {
  if (ack === 'memory') return 1;
  return ack === 'disk' ? 2 : 3;
}

function consistencyNumber(consistency: Consistency): number {
  if (consistency === 'eventual') return 1;
  if (consistency === 'session') return 2;
  return consistency === 'bounded' ? 3 : 4;
}

/** By the number on the wire; unspecified means disk. */
const acks: readonly Ack[] = ['disk', 'memory', 'disk', 'quorum'];
/** By the number on the wire; unspecified means eventual. */
const consistencies: readonly Consistency[] = ['eventual', 'eventual', 'session', 'bounded', 'strong'];

function conditionSize(condition: Condition): number {
  return condition.kind === 'absent' ? 2 : 1 + varintSize(condition.version);
}

function writeCondition(writer: ProtobufWriter, tag: number, condition: Condition | undefined): void {
  if (condition === undefined) return;
  writer.lengthPrefix(tag, conditionSize(condition));
  if (condition.kind === 'absent') writer.presentNumber(0x08, 1);
  else writer.presentNumber(0x10, condition.version);
}

function writeSize(operation: WriteOperation): number {
  let size = lengthFieldSize(operation.key.length) + 2;
  if (operation.condition !== undefined) size += lengthFieldSize(conditionSize(operation.condition));
  if (operation.kind === 'put') size += lengthFieldSize(operation.value.length) + metadataSize(operation.metadata);
  return size;
}

function getSize(operation: GetOperation): number {
  let size = lengthFieldSize(operation.key.length) + 2 + numberFieldSize(operation.maxStalenessMs);
  if (operation.after !== undefined) size += lengthFieldSize(positionSize(operation.after));
  return operation.omitValue ? size + 2 : size;
}

/** Length of the variant's own message, without tag and length. */
function variantSize(operation: Operation): number {
  switch (operation.kind) {
    case 'put':
    case 'delete':
      return writeSize(operation);
    case 'get':
      return getSize(operation);
    case 'malformed':
      return 0;
    default:
      return unreachable(operation);
  }
}

function operationSize(operation: Operation, variant: number): number {
  const size = numberFieldSize(operation.request);
  switch (operation.kind) {
    case 'put':
    case 'delete':
      return (
        size +
        numberFieldSize(operation.keyspace) +
        numberFieldSize(operation.sequence) +
        numberFieldSize(operation.firstSentTimestamp) +
        lengthFieldSize(variant)
      );
    case 'get':
      return size + numberFieldSize(operation.keyspace) + lengthFieldSize(variant);
    case 'malformed':
      return size;
    default:
      return unreachable(operation);
  }
}

function writeWrite(writer: ProtobufWriter, operation: WriteOperation, variant: number): void {
  writer.number(0x18, operation.sequence);
  writer.number(0x20, operation.firstSentTimestamp);
  if (operation.kind === 'put') {
    writer.lengthPrefix(0x2a, variant);
    writer.bytes(0x0a, operation.key);
    writer.bytes(0x12, operation.value);
    writeMetadata(writer, 0x1a, operation.metadata);
    writer.presentNumber(0x20, ackNumber(operation.ack));
    writeCondition(writer, 0x2a, operation.condition);
  } else {
    writer.lengthPrefix(0x32, variant);
    writer.bytes(0x0a, operation.key);
    writer.presentNumber(0x10, ackNumber(operation.ack));
    writeCondition(writer, 0x1a, operation.condition);
  }
}

function writeGet(writer: ProtobufWriter, operation: GetOperation, variant: number): void {
  writer.lengthPrefix(0x3a, variant);
  writer.bytes(0x0a, operation.key);
  writer.presentNumber(0x10, consistencyNumber(operation.consistency));
  if (operation.after !== undefined) writePosition(writer, 0x1a, operation.after);
  writer.number(0x20, operation.maxStalenessMs);
  if (operation.omitValue) writer.presentNumber(0x28, 1);
}

/** The operation under construction: fields may come in any order, so it is made when all of them are read. */
class OperationReader {
  readonly #reader: ProtobufReader;
  readonly #metadata = new MetadataReader();
  #request = 0;
  #keyspace = 0;
  #sequence = 0;
  #firstSentTimestamp = 0;
  /** Field number of the last variant; 0: none. */
  #variant = 0;
  #key: ByteString = '';
  #value: Bytes = '';
  #enumValue = 0;
  #condition: Condition | undefined = undefined;
  #conditionHasNoMeaning = false;
  #after: Position | undefined = undefined;
  #maxStalenessMs = 0;
  #omitValue = false;

  constructor(reader: ProtobufReader) {
    this.#reader = reader;
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
      else if (tag === 0x32) this.#readDelete();
      else if (tag === 0x3a) this.#readGet();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return this.#make();
  }

  #make(): Operation {
    const request = this.#request;
    if (this.#variant === 0 || this.#conditionHasNoMeaning) return { kind: 'malformed', request };
    return this.#variant === 7 ? this.#makeGet(request) : this.#makeWrite(request);
  }

  #makeWrite(request: number): Operation {
    const ack = acks[this.#enumValue];
    if (ack === undefined) return { kind: 'malformed', request };
    const metadata: Metadata | undefined = this.#metadata.value;
    if (this.#variant === 5) {
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
        metadata,
      };
    }
    return {
      kind: 'delete',
      request,
      keyspace: this.#keyspace,
      key: this.#key,
      sequence: this.#sequence,
      firstSentTimestamp: this.#firstSentTimestamp,
      ack,
      condition: this.#condition,
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
    const outer = this.#beginVariant(5);
    this.#value = '';
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x12) this.#value = reader.shortBytes();
      else if (tag === 0x1a) this.#metadata.readEntry(reader);
      else if (tag === 0x20) this.#enumValue = reader.varint();
      else if (tag === 0x2a) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readDelete(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(6);
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) this.#key = reader.latin1();
      else if (tag === 0x10) this.#enumValue = reader.varint();
      else if (tag === 0x1a) this.#readCondition();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readGet(): void {
    const reader = this.#reader;
    const outer = this.#beginVariant(7);
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

export class BatchRequestCodec implements MessageCodec<BatchRequest> {
  readonly #reader = new ProtobufReader();
  readonly #operations = new OperationReader(this.#reader);
  readonly #writer = new ProtobufWriter();
  /** Sizes of the batch being encoded, two for each operation: of its variant, of itself. */
  readonly #sizes: number[] = [];

  encode(batch: BatchRequest): Buffer {
    this.#writer.begin(this.#measure(batch));
    this.#write(batch);
    return this.#writer.finish();
  }

  decode(bytes: Buffer): BatchRequest {
    const reader = this.#reader;
    reader.reset(bytes);
    let revision = 0;
    let epoch = 0;
    let client: ByteString = '';
    let completedBelow = 0;
    let shard = '';
    const operations: Operation[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x2a) {
        if (operations.length === limits.maxBatchOperations) {
          throw malformed(`more than ${limits.maxBatchOperations} operations in one batch; send several batches`);
        }
        operations.push(this.#operations.read());
      } else if (tag === 0x08) revision = reader.varint();
      else if (tag === 0x10) epoch = reader.varint();
      else if (tag === 0x1a) client = reader.latin1();
      else if (tag === 0x20) completedBelow = reader.varint();
      else if (tag === 0x32) shard = reader.utf8();
      else reader.skip(tag);
    }
    reader.release();
    return { revision, epoch, client, completedBelow, shard, operations };
  }

  #measure(batch: BatchRequest): number {
    const sizes = this.#sizes;
    let total =
      numberFieldSize(batch.revision) +
      numberFieldSize(batch.epoch) +
      (batch.client.length === 0 ? 0 : lengthFieldSize(batch.client.length)) +
      numberFieldSize(batch.completedBelow) +
      textFieldSize(batch.shard);
    let index = 0;
    for (const operation of batch.operations) {
      const variant = variantSize(operation);
      const size = operationSize(operation, variant);
      sizes[index++] = variant;
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    return total;
  }

  #write(batch: BatchRequest): void {
    const writer = this.#writer;
    writer.number(0x08, batch.revision);
    writer.number(0x10, batch.epoch);
    if (batch.client.length > 0) writer.bytes(0x1a, batch.client);
    writer.number(0x20, batch.completedBelow);
    let index = 0;
    for (const operation of batch.operations) {
      const variant = this.#sizes[index++] ?? 0;
      writer.lengthPrefix(0x2a, this.#sizes[index++] ?? 0);
      writer.number(0x08, operation.request);
      if (operation.kind === 'malformed') continue;
      writer.number(0x10, operation.keyspace);
      if (operation.kind === 'get') writeGet(writer, operation, variant);
      else writeWrite(writer, operation, variant);
    }
    writer.text(0x32, batch.shard);
  }
}
