import type {
  Bytes,
  Change,
  ChangeKind,
  Position,
  WatchRefusalCause,
  WatchResponse,
  WatchSnapshotCause,
} from '@edis/core';
import { unreachable } from '@edis/core';
import { known } from './enum-names.ts';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { MetadataReader, metadataSize, writeMetadata } from './metadata-codec.ts';
import { positionSize, readPosition, writePosition } from './position-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize } from './protobuf-writer.ts';

/**
 * edis.v1.WatchResponse by hand, because every change passes through it once for each feed. Values that were read are
 * views on the received message: whoever keeps one of them for long copies it.
 */

const changeKinds: readonly (ChangeKind | undefined)[] = [undefined, 'snapshot', 'put', 'delete', 'expire'];
const snapshotCauses: readonly (WatchSnapshotCause | undefined)[] = [undefined, 'start', 'log-too-short', 'diverged'];
const refusalCauses: readonly (WatchRefusalCause | undefined)[] = [
  undefined,
  'other-shard',
  'other-cluster',
  'no-such-keyspace',
  'not-serving',
  'busy',
];

type ChangesMessage = Extract<WatchResponse, { kind: 'changes' }>;

/** Field numbers of WatchResponse.message times 8 plus the wire type of a nested message. */
const messageTags = {
  started: 0x0a,
  'snapshot-begin': 0x12,
  'snapshot-end': 0x1a,
  changes: 0x22,
  refused: 0x2a,
} as const satisfies Record<WatchResponse['kind'], number>;

function changeNumber(kind: ChangeKind): number {
  if (kind === 'put') return 2;
  if (kind === 'delete') return 3;
  return kind === 'expire' ? 4 : 1;
}

function changeSize(change: Change): number {
  return (
    2 +
    lengthFieldSize(change.key.length) +
    (change.value.length === 0 ? 0 : lengthFieldSize(change.value.length)) +
    metadataSize(change.metadata) +
    numberFieldSize(change.version) +
    numberFieldSize(change.expiresAtMs)
  );
}

function writeChange(writer: ProtobufWriter, change: Change): void {
  writer.presentNumber(0x08, changeNumber(change.kind));
  writer.bytes(0x12, change.key);
  if (change.value.length > 0) writer.bytes(0x1a, change.value);
  writeMetadata(writer, 0x22, change.metadata);
  writer.number(0x28, change.version);
  writer.number(0x30, change.expiresAtMs);
}

export class WatchResponseCodec implements MessageCodec<WatchResponse> {
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();
  readonly #metadata = new MetadataReader();
  /** Sizes of the changes being encoded. */
  readonly #sizes: number[] = [];

  encode(response: WatchResponse): Buffer {
    const size = this.#measure(response);
    const writer = this.#writer;
    writer.begin(lengthFieldSize(size));
    writer.lengthPrefix(messageTags[response.kind], size);
    this.#write(response);
    return writer.finish();
  }

  decode(bytes: Buffer): WatchResponse {
    const reader = this.#reader;
    reader.reset(bytes);
    let response: WatchResponse | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === messageTags.changes) response = this.#readChanges();
      else if (tag === messageTags.started) response = this.#readStarted();
      else if (tag === messageTags['snapshot-begin']) response = this.#readSnapshotBegin();
      else if (tag === messageTags['snapshot-end']) response = this.#readSnapshotEnd();
      else if (tag === messageTags.refused) response = this.#readRefused();
      else reader.skip(tag);
    }
    reader.release();
    if (response === undefined) throw malformed('WatchResponse has no message');
    return response;
  }

  /** Length of the message's own fields. */
  #measure(response: WatchResponse): number {
    switch (response.kind) {
      case 'started':
        return lengthFieldSize(positionSize(response.position)) + textFieldSize(response.node);
      case 'snapshot-begin':
        return 2 + textFieldSize(response.node);
      case 'snapshot-end':
        return lengthFieldSize(positionSize(response.position));
      case 'changes':
        return this.#measureChanges(response);
      case 'refused':
        return 2;
      default:
        return unreachable(response);
    }
  }

  #measureChanges({ changes, position, bytes }: ChangesMessage): number {
    const sizes = this.#sizes;
    let total = numberFieldSize(bytes);
    if (position !== undefined) total += lengthFieldSize(positionSize(position));
    let index = 0;
    for (const change of changes) {
      const size = changeSize(change);
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    return total;
  }

  #write(response: WatchResponse): void {
    const writer = this.#writer;
    switch (response.kind) {
      case 'started':
        writePosition(writer, 0x0a, response.position);
        writer.text(0x12, response.node);
        return;
      case 'snapshot-begin':
        writer.presentNumber(0x08, snapshotCauses.indexOf(response.cause));
        writer.text(0x12, response.node);
        return;
      case 'snapshot-end':
        writePosition(writer, 0x0a, response.position);
        return;
      case 'changes':
        this.#writeChanges(response);
        return;
      case 'refused':
        writer.presentNumber(0x08, refusalCauses.indexOf(response.cause));
        return;
      default:
        unreachable(response);
    }
  }

  #writeChanges({ changes, position, bytes }: ChangesMessage): void {
    const writer = this.#writer;
    let index = 0;
    for (const change of changes) {
      writer.lengthPrefix(0x0a, this.#sizes[index++] ?? 0);
      writeChange(writer, change);
    }
    if (position !== undefined) writePosition(writer, 0x12, position);
    writer.number(0x18, bytes);
  }

  #readChanges(): WatchResponse {
    const reader = this.#reader;
    const outer = reader.enter();
    const changes: Change[] = [];
    let position: Position | undefined;
    let bytes = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) changes.push(this.#readChange());
      else if (tag === 0x12) position = readPosition(reader);
      else if (tag === 0x18) bytes = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'changes', changes, position, bytes };
  }

  #readChange(): Change {
    const reader = this.#reader;
    const outer = reader.enter();
    let kind = 0;
    let key = '';
    let value: Bytes = '';
    let version = 0;
    let expiresAtMs = 0;
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) kind = reader.varint();
      else if (tag === 0x12) key = reader.latin1();
      else if (tag === 0x1a) value = reader.bytes();
      else if (tag === 0x22) this.#metadata.readEntry(reader);
      else if (tag === 0x28) version = reader.varint();
      else if (tag === 0x30) expiresAtMs = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return {
      kind: known(changeKinds, kind, 'ChangeKind'),
      key,
      value,
      metadata: this.#metadata.value,
      version,
      expiresAtMs,
    };
  }

  #readStarted(): WatchResponse {
    const reader = this.#reader;
    const outer = reader.enter();
    let position: Position = { epoch: 0, position: 0 };
    let node = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) position = readPosition(reader);
      else if (tag === 0x12) node = reader.utf8();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'started', position, node };
  }

  #readSnapshotBegin(): WatchResponse {
    const reader = this.#reader;
    const outer = reader.enter();
    let cause = 0;
    let node = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) cause = reader.varint();
      else if (tag === 0x12) node = reader.utf8();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'snapshot-begin', cause: known(snapshotCauses, cause, 'WatchSnapshotCause'), node };
  }

  #readSnapshotEnd(): WatchResponse {
    const reader = this.#reader;
    const outer = reader.enter();
    let position: Position = { epoch: 0, position: 0 };
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) position = readPosition(reader);
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'snapshot-end', position };
  }

  #readRefused(): WatchResponse {
    const reader = this.#reader;
    const outer = reader.enter();
    let cause = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) cause = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'refused', cause: known(refusalCauses, cause, 'WatchRefusalCause') };
  }
}
