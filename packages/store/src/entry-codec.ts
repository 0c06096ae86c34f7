import type { ByteString, Bytes, EdisError, Metadata, RememberedKind } from '@edis/core';
import { unreachable } from '@edis/core';
import { decodeKeyspaceValue } from './keyspace-value.ts';
import type { Entry, LoggedKind, LoggedOperation } from './logged-operation.ts';
import { decodeMetadata, metadataSize, writeMetadata } from './metadata-codec.ts';
import { maxStringValueBytes } from './stored-record.ts';
import { byteLength, readUint64, writeBytes, writeUint64 } from './wire.ts';

/**
 * The body of a log entry: what the log stores and followers receive (docs/protocol.md, "Log entry").
 *
 * Guarantees: decode(encode(entry)) is the entry; decoding never reads outside the body, and refuses whatever encoding
 * cannot have made. Decoded operations pin nothing of the body.
 */
const format = 2;
/** Before the clients of an entry. */
export const bodyHeadBytes = 32;
const clientIdBytes = 16;
export const clientBytes: number = clientIdBytes + 8;
/** Of an operation, up to the first field that not all have; then the length of the value. */
export const operationHeadBytes = 12;
const valueLengthBytes = 4;
export const metadataFlag = 1;
export const expiryFlag = 2;
export const answerFlag = 4;
/** Two bits: what the client asked for, when that is not what the kind says. */
const originShift = 4;
const originMask = 0x30;
const knownFlags = metadataFlag | expiryFlag | answerFlag | originMask;
const maxUint16 = 0xffff;

/** Makes the error for a malformed body, which is a peer's fault or the disk's. */
export type CodecFault = (what: string) => EdisError;

const kindCodes: Readonly<Record<LoggedKind, number>> = {
  put: 1,
  delete: 2,
  open: 3,
  expire: 4,
  keyspace: 5,
  drop: 6,
};

/** In the bits of the flags. 0: as the kind says. */
const originCodes: Readonly<Record<RememberedKind, number>> = {
  put: 0,
  delete: 0,
  increment: 1 << originShift,
  append: 2 << originShift,
  expire: 3 << originShift,
};

function originOf(kind: LoggedKind, flags: number): RememberedKind {
  switch ((flags & originMask) >> originShift) {
    case 1:
      return 'increment';
    case 2:
      return 'append';
    case 3:
      return 'expire';
    default:
      return kind === 'delete' || kind === 'expire' ? 'delete' : 'put';
  }
}

function kindOf(code: number, fault: CodecFault): LoggedKind {
  switch (code) {
    case 1:
      return 'put';
    case 2:
      return 'delete';
    case 3:
      return 'open';
    case 4:
      return 'expire';
    case 5:
      return 'keyspace';
    case 6:
      return 'drop';
    default:
      throw fault(`unknown operation kind ${code}`);
  }
}

/** The clients of an entry, each with its index + 1. */
function indexClients(entry: Entry): Map<ByteString, number> | undefined {
  let clients: Map<ByteString, number> | undefined;
  for (const client of entry.completed.keys()) {
    clients ??= new Map();
    clients.set(client, clients.size + 1);
  }
  let previous = '';
  for (const operation of entry.operations) {
    const client = operation.client;
    if (client === previous || client === '') continue;
    previous = client;
    clients ??= new Map();
    if (!clients.has(client)) clients.set(client, clients.size + 1);
  }
  return clients;
}

interface Plan {
  readonly size: number;
  readonly clients: Map<ByteString, number> | undefined;
}

function planEntry(entry: Entry): Plan {
  const clients = indexClients(entry);
  let size = bodyHeadBytes + (clients === undefined ? 0 : clients.size * clientBytes);
  for (const operation of entry.operations) {
    size += operationHeadBytes + valueLengthBytes + operation.key.length + byteLength(operation.value);
    if (operation.client !== '') size += 8;
    if (operation.expiresAtMs !== 0) size += 8;
    if (operation.answer !== 0n) size += 8;
    if (operation.metadata !== undefined) size += 4 + metadataSize(operation.metadata);
  }
  return { size, clients };
}

function writeOperation(
  buffer: Buffer,
  view: DataView,
  start: number,
  operation: LoggedOperation,
  clientIndex: number,
): number {
  const { metadata } = operation;
  let at = start;
  const valueLength = byteLength(operation.value);
  const hasAnswer = operation.answer !== 0n;
  const flags =
    (metadata === undefined ? 0 : metadataFlag) |
    (operation.expiresAtMs === 0 ? 0 : expiryFlag) |
    (hasAnswer ? answerFlag : 0) |
    (operation.origin === 'put' || clientIndex === 0 ? 0 : originCodes[operation.origin]);
  view.setUint8(at, kindCodes[operation.kind]);
  view.setUint8(at + 1, flags);
  view.setUint16(at + 2, operation.slot, true);
  view.setUint32(at + 4, operation.keyspace, true);
  view.setUint16(at + 8, operation.key.length, true);
  view.setUint16(at + 10, clientIndex, true);
  at += operationHeadBytes;
  if (clientIndex !== 0) {
    writeUint64(view, at, operation.sequence);
    at += 8;
  }
  if (operation.expiresAtMs !== 0) {
    writeUint64(view, at, operation.expiresAtMs);
    at += 8;
  }
  if (hasAnswer) {
    view.setBigInt64(at, operation.answer, true);
    at += 8;
  }
  view.setUint32(at, valueLength, true);
  at += 4;
  const metadataLengthAt = at;
  if (metadata !== undefined) at += 4;
  at = writeBytes(buffer, at, operation.key);
  at = writeBytes(buffer, at, operation.value);
  if (metadata === undefined) return at;
  const end = writeMetadata(buffer, at, metadata);
  view.setUint32(metadataLengthAt, end - at, true);
  return end;
}

/** Encodes an entry behind `headroom` bytes that the caller fills, so that a frame is one piece of memory. */
export function encodeEntry(entry: Entry, headroom: number): Buffer {
  const { size, clients } = planEntry(entry);
  // Followers keep the body for as long as they need it, so each entry has memory of its own.
  const buffer = Buffer.allocUnsafeSlow(headroom + size);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let at = headroom;
  view.setUint8(at, format);
  view.setUint8(at + 1, 0);
  view.setUint16(at + 2, clients === undefined ? 0 : clients.size, true);
  view.setUint32(at + 4, entry.operations.length, true);
  writeUint64(view, at + 8, entry.position);
  writeUint64(view, at + 16, entry.epoch);
  writeUint64(view, at + 24, entry.timestamp);
  at += bodyHeadBytes;
  if (clients !== undefined) {
    for (const client of clients.keys()) {
      writeBytes(buffer, at, client);
      writeUint64(view, at + clientIdBytes, entry.completed.get(client) ?? 0);
      at += clientBytes;
    }
  }
  let previous = '';
  let clientIndex = 0;
  for (const operation of entry.operations) {
    if (operation.client !== previous) {
      previous = operation.client;
      clientIndex = previous === '' ? 0 : (clients?.get(previous) ?? 0);
    }
    at = writeOperation(buffer, view, at, operation, clientIndex);
  }
  return buffer;
}

/** Why an entry cannot be encoded; undefined: it can. Guards the log against a caller's mistake. */
export function entryFault(entry: Entry): string | undefined {
  for (const operation of entry.operations) {
    if (operation.key.length > maxUint16) return `a key of ${operation.key.length} bytes does not fit the log's format`;
    if (operation.client !== '' && operation.client.length !== clientIdBytes) {
      return `a client id has ${operation.client.length} bytes, not ${clientIdBytes}`;
    }
  }
  return entry.completed.size >= maxUint16 ? `an entry of ${entry.completed.size} clients does not fit` : undefined;
}

/** Reads a body from front to back; `fault` makes the error of a body that ends too early. */
class BodyReader {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly fault: CodecFault;
  at = 0;

  constructor(body: Uint8Array, fault: CodecFault) {
    this.buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.fault = fault;
  }

  /** Moves over `count` bytes and returns where they begin. */
  take(count: number): number {
    const start = this.at;
    if (count > this.buffer.length - start) {
      throw this.fault(`it ends at byte ${this.buffer.length}, ${count} more were announced at byte ${start}`);
    }
    this.at = start + count;
    return start;
  }

  uint64(at: number): number {
    const value = readUint64(this.view, at);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault(`the number at byte ${at} is above 2^53`);
    return value;
  }

  string(count: number): ByteString {
    const start = this.take(count);
    return this.buffer.toString('latin1', start, start + count);
  }

  value(count: number): Bytes {
    if (count <= maxStringValueBytes) return this.string(count);
    const start = this.take(count);
    return new Uint8Array(this.buffer.subarray(start, start + count));
  }
}

function readOperation(reader: BodyReader, clients: readonly ByteString[]): LoggedOperation {
  const { view, fault } = reader;
  const head = reader.take(operationHeadBytes);
  const kind = kindOf(view.getUint8(head), fault);
  const flags = view.getUint8(head + 1);
  if ((flags & ~knownFlags) !== 0) throw fault(`unknown operation flags ${flags}`);
  const clientIndex = view.getUint16(head + 10, true);
  const client = clientIndex === 0 ? '' : clients[clientIndex - 1];
  if (client === undefined) throw fault(`an operation names client ${clientIndex} of ${clients.length}`);
  const sequence = clientIndex === 0 ? 0 : reader.uint64(reader.take(8));
  const expiresAtMs = (flags & expiryFlag) === 0 ? 0 : reader.uint64(reader.take(8));
  const answer = (flags & answerFlag) === 0 ? 0n : view.getBigInt64(reader.take(8), true);
  const valueLength = view.getUint32(reader.take(valueLengthBytes), true);
  const metadataLength = (flags & metadataFlag) === 0 ? 0 : view.getUint32(reader.take(4), true);
  const key = reader.string(view.getUint16(head + 8, true));
  const value = reader.value(valueLength);
  let metadata: Metadata | undefined;
  if ((flags & metadataFlag) !== 0) {
    const start = reader.take(metadataLength);
    metadata = decodeMetadata(reader.buffer.subarray(start, start + metadataLength), fault);
  }
  checkKind(kind, key, value, fault);
  return {
    kind,
    keyspace: view.getUint32(head + 4, true),
    slot: view.getUint16(head + 2, true),
    key,
    value,
    metadata,
    expiresAtMs,
    client,
    sequence,
    origin: originOf(kind, flags),
    answer,
  };
}

function checkKind(kind: LoggedKind, key: ByteString, value: Bytes, fault: CodecFault): void {
  switch (kind) {
    case 'put':
      if (key.length === 0) throw fault('a put has no key');
      return;
    case 'delete':
    case 'expire':
      if (key.length === 0) throw fault('a removal has no key');
      if (value.length !== 0) throw fault('a removal has a value');
      return;
    case 'open':
    case 'drop':
      if (key.length !== 0 || value.length !== 0) throw fault('an operation that takes neither has a key or a value');
      return;
    case 'keyspace':
      if (key.length !== 0) throw fault('the operation of a keyspace has a key');
      if (decodeKeyspaceValue(value) === undefined) throw fault('the settings of a keyspace cannot be read');
      return;
    default:
      unreachable(kind);
  }
}

export function decodeEntry(body: Uint8Array, fault: CodecFault): Entry {
  const reader = new BodyReader(body, fault);
  const view = reader.view;
  reader.take(bodyHeadBytes);
  if (view.getUint8(0) !== format) throw fault(`its format is ${view.getUint8(0)}, this version reads ${format}`);
  if (view.getUint8(1) !== 0) throw fault(`unknown flags ${view.getUint8(1)}`);
  const clientCount = view.getUint16(2, true);
  const operationCount = view.getUint32(4, true);
  const clients: ByteString[] = [];
  const completed = new Map<ByteString, number>();
  for (let index = 0; index < clientCount; index++) {
    const client = reader.string(clientIdBytes);
    const below = reader.uint64(reader.take(8));
    clients.push(client);
    if (below !== 0) completed.set(client, below);
  }
  const operations: LoggedOperation[] = [];
  for (let index = 0; index < operationCount; index++) operations.push(readOperation(reader, clients));
  if (reader.at !== body.length) throw fault(`${body.length - reader.at} bytes follow its last operation`);
  const timestamp = reader.uint64(24);
  return { position: reader.uint64(8), epoch: reader.uint64(16), timestamp, operations, completed };
}

/** The position that a body claims, without decoding it; undefined when it is too short to be one. */
export function positionOfBody(body: Uint8Array): number | undefined {
  if (body.length < bodyHeadBytes) return undefined;
  return readUint64(new DataView(body.buffer, body.byteOffset, body.byteLength), 8);
}
