import type {
  Ack,
  AppendOperation,
  AtomicOperation,
  Condition,
  Consistency,
  DeleteOperation,
  ExpireOperation,
  GetOperation,
  IncrementOperation,
  Operation,
  PutOperation,
  SingleWriteOperation,
} from '@edis/core';
import { noExpiry, unreachable } from '@edis/core';
import { metadataSize, writeMetadata } from './metadata-codec.ts';
import { positionSize, writePosition } from './position-codec.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { lengthFieldSize, numberFieldSize, sint64FieldSize, varintSize } from './protobuf-writer.ts';

/**
 * edis.v1.Operation by hand: sizes, then the bytes. Tags are literals (field number * 8 + wire type) beside the field's
 * name.
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

function conditionSize(condition: Condition): number {
  return condition.kind === 'absent' ? 2 : 1 + varintSize(condition.version);
}

function writeCondition(writer: ProtobufWriter, tag: number, condition: Condition | undefined): void {
  if (condition === undefined) return;
  writer.lengthPrefix(tag, conditionSize(condition));
  if (condition.kind === 'absent') writer.presentNumber(0x08, 1);
  else writer.presentNumber(0x10, condition.version);
}

/** A TTL takes one field or the other; `noExpiry` is below zero, which is no number on the wire. */
function ttlSize(ttlMs: number): number {
  return ttlMs === noExpiry ? 2 : numberFieldSize(ttlMs);
}

function singleWriteSize(operation: SingleWriteOperation): number {
  let size = lengthFieldSize(operation.key.length) + 2;
  if (operation.condition !== undefined) size += lengthFieldSize(conditionSize(operation.condition));
  switch (operation.kind) {
    case 'put':
      size += lengthFieldSize(operation.value.length) + metadataSize(operation.metadata) + ttlSize(operation.ttlMs);
      size += numberFieldSize(operation.expiresAtMs);
      break;
    case 'append':
      size += lengthFieldSize(operation.value.length);
      break;
    case 'increment':
      size += sint64FieldSize(operation.by);
      break;
    case 'expire':
      size += ttlSize(operation.ttlMs);
      break;
    case 'delete':
      break;
    default:
      unreachable(operation);
  }
  return size;
}

function getSize(operation: GetOperation): number {
  let size = lengthFieldSize(operation.key.length) + 2 + numberFieldSize(operation.maxStalenessMs);
  if (operation.after !== undefined) size += lengthFieldSize(positionSize(operation.after));
  return operation.omitValue ? size + 2 : size;
}

function atomicSize(operation: AtomicOperation): number {
  let size = 0;
  for (const write of operation.writes) size += lengthFieldSize(lengthFieldSize(singleWriteSize(write)));
  return size;
}

/** Length of the variant's own message, without tag and length. */
export function variantSize(operation: Operation): number {
  switch (operation.kind) {
    case 'put':
    case 'delete':
    case 'increment':
    case 'append':
    case 'expire':
      return singleWriteSize(operation);
    case 'get':
      return getSize(operation);
    case 'atomic':
      return atomicSize(operation);
    case 'malformed':
      return 0;
    default:
      return unreachable(operation);
  }
}

/** Length of an operation (a batch has the sequence and timestamp of its first write) whose variant is that long. */
export function operationSize(operation: Operation, variant: number): number {
  const size = numberFieldSize(operation.request);
  if (operation.kind === 'malformed') return size;
  const withVariant = size + numberFieldSize(operation.keyspace) + lengthFieldSize(variant);
  if (operation.kind === 'get') return withVariant;
  const first = operation.kind === 'atomic' ? operation.writes[0] : operation;
  if (first === undefined) return withVariant;
  return withVariant + numberFieldSize(first.sequence) + numberFieldSize(first.firstSentTimestamp);
}

function writePut(writer: ProtobufWriter, operation: PutOperation, variant: number): void {
  writer.lengthPrefix(0x2a, variant);
  writer.bytes(0x0a, operation.key);
  writer.bytes(0x12, operation.value);
  writeMetadata(writer, 0x1a, operation.metadata);
  writer.presentNumber(0x20, ackNumber(operation.ack));
  writeCondition(writer, 0x2a, operation.condition);
  if (operation.ttlMs === noExpiry) writer.presentNumber(0x38, 1);
  else writer.number(0x30, operation.ttlMs);
  writer.number(0x40, operation.expiresAtMs);
}

function writeDelete(writer: ProtobufWriter, operation: DeleteOperation, variant: number): void {
  writer.lengthPrefix(0x32, variant);
  writer.bytes(0x0a, operation.key);
  writer.presentNumber(0x10, ackNumber(operation.ack));
  writeCondition(writer, 0x1a, operation.condition);
}

function writeIncrement(writer: ProtobufWriter, operation: IncrementOperation, variant: number): void {
  writer.lengthPrefix(0x42, variant);
  writer.bytes(0x0a, operation.key);
  writer.sint64(0x10, operation.by);
  writer.presentNumber(0x18, ackNumber(operation.ack));
  writeCondition(writer, 0x22, operation.condition);
}

function writeAppend(writer: ProtobufWriter, operation: AppendOperation, variant: number): void {
  writer.lengthPrefix(0x4a, variant);
  writer.bytes(0x0a, operation.key);
  writer.bytes(0x12, operation.value);
  writer.presentNumber(0x18, ackNumber(operation.ack));
  writeCondition(writer, 0x22, operation.condition);
}

function writeExpire(writer: ProtobufWriter, operation: ExpireOperation, variant: number): void {
  writer.lengthPrefix(0x52, variant);
  writer.bytes(0x0a, operation.key);
  if (operation.ttlMs === noExpiry) writer.presentNumber(0x18, 1);
  else writer.number(0x10, operation.ttlMs);
  writer.presentNumber(0x20, ackNumber(operation.ack));
  writeCondition(writer, 0x2a, operation.condition);
}

function writeSingleWrite(writer: ProtobufWriter, operation: SingleWriteOperation, variant: number): void {
  switch (operation.kind) {
    case 'put':
      writePut(writer, operation, variant);
      return;
    case 'delete':
      writeDelete(writer, operation, variant);
      return;
    case 'increment':
      writeIncrement(writer, operation, variant);
      return;
    case 'append':
      writeAppend(writer, operation, variant);
      return;
    case 'expire':
      writeExpire(writer, operation, variant);
      return;
    default:
      unreachable(operation);
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

/** The writes of a batch are told apart by their index, and share all else with the operation that holds them. */
function writeAtomic(writer: ProtobufWriter, operation: AtomicOperation, variant: number): void {
  writer.lengthPrefix(0x5a, variant);
  for (const write of operation.writes) {
    const size = singleWriteSize(write);
    writer.lengthPrefix(0x0a, lengthFieldSize(size));
    writeSingleWrite(writer, write, size);
  }
}

/** The fields of an operation whose variant is that long. */
export function writeOperation(writer: ProtobufWriter, operation: Operation, variant: number): void {
  writer.number(0x08, operation.request);
  if (operation.kind === 'malformed') return;
  writer.number(0x10, operation.keyspace);
  if (operation.kind === 'get') {
    writeGet(writer, operation, variant);
    return;
  }
  const first = operation.kind === 'atomic' ? operation.writes[0] : operation;
  if (first !== undefined) {
    writer.number(0x18, first.sequence);
    writer.number(0x20, first.firstSentTimestamp);
  }
  if (operation.kind === 'atomic') writeAtomic(writer, operation, variant);
  else writeSingleWrite(writer, operation, variant);
}
