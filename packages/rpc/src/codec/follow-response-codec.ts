import type { EpochStart, FollowMessage, FollowRefusalCause, FollowResponse, SnapshotCause } from '@edis/core';
import { unreachable } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter } from './protobuf-writer.ts';

/**
 * edis.v1.FollowResponse by hand, because every write passes through it once for each follower. Entries' bodies are
 * views on the received message; the follower appends them to its log as they are.
 */

const snapshotCauses: readonly (SnapshotCause | undefined)[] = [undefined, 'log-too-short', 'diverged', 'log-too-long'];
const refusalCauses: readonly (FollowRefusalCause | undefined)[] = [
  undefined,
  'not-primary',
  'other-shard',
  'other-cluster',
  'old-epoch',
];

type EntriesMessage = Extract<FollowMessage, { kind: 'entries' }>;
type StartMessage = Extract<FollowMessage, { kind: 'start' }>;

const watermark: FollowMessage = { kind: 'watermark' };

function epochStartSize({ epoch, firstPosition }: EpochStart): number {
  return numberFieldSize(epoch) + numberFieldSize(firstPosition);
}

function epochsSize(epochs: readonly EpochStart[]): number {
  let size = 0;
  for (const start of epochs) size += lengthFieldSize(epochStartSize(start));
  return size;
}

function startSize(message: StartMessage, epoch: number): number {
  return numberFieldSize(epoch) + numberFieldSize(message.fromPosition) + epochsSize(message.epochs);
}

function entriesSize(message: EntriesMessage): number {
  let size = numberFieldSize(message.firstPosition);
  for (const body of message.bodies) size += lengthFieldSize(body.length);
  return message.checksums.length === 0 ? size : size + lengthFieldSize(message.checksums.length * 4);
}

/** Length of the variant's own message, without tag and length. */
function variantSize(message: FollowMessage, epoch: number): number {
  switch (message.kind) {
    case 'start':
      return startSize(message, epoch);
    case 'snapshot-needed':
      return 2 + numberFieldSize(message.lastPosition) + epochsSize(message.epochs);
    case 'refused':
      return 2 + numberFieldSize(epoch);
    case 'entries':
      return entriesSize(message);
    case 'watermark':
      return 0;
    default:
      return unreachable(message);
  }
}

function writeStart(writer: ProtobufWriter, message: StartMessage, epoch: number): void {
  writer.number(0x08, epoch);
  writer.number(0x10, message.fromPosition);
  writeEpochs(writer, 0x1a, message.epochs);
}

function writeEpochs(writer: ProtobufWriter, tag: number, epochs: readonly EpochStart[]): void {
  for (const start of epochs) {
    writer.lengthPrefix(tag, epochStartSize(start));
    writer.number(0x08, start.epoch);
    writer.number(0x10, start.firstPosition);
  }
}

function writeVariant(writer: ProtobufWriter, message: FollowMessage, epoch: number, size: number): void {
  switch (message.kind) {
    case 'start':
      writer.lengthPrefix(0x0a, size);
      writeStart(writer, message, epoch);
      break;
    case 'snapshot-needed':
      writer.lengthPrefix(0x12, size);
      writer.presentNumber(0x08, snapshotCauses.indexOf(message.cause));
      writer.number(0x18, message.lastPosition);
      writeEpochs(writer, 0x22, message.epochs);
      break;
    case 'refused':
      writer.lengthPrefix(0x1a, size);
      writer.presentNumber(0x08, refusalCauses.indexOf(message.cause));
      writer.number(0x10, epoch);
      break;
    case 'entries':
      writer.lengthPrefix(0x22, size);
      writeEntries(writer, message);
      break;
    case 'watermark':
      break;
    default:
      unreachable(message);
  }
}

function writeEntries(writer: ProtobufWriter, message: EntriesMessage): void {
  writer.number(0x08, message.firstPosition);
  for (const body of message.bodies) writer.bytes(0x12, body);
  if (message.checksums.length === 0) return;
  writer.lengthPrefix(0x1a, message.checksums.length * 4);
  for (const checksum of message.checksums) writer.fixed32(checksum);
}

export class FollowResponseCodec implements MessageCodec<FollowResponse> {
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();

  encode({ message, epoch, visiblePosition, syncPosition }: FollowResponse): Buffer {
    const writer = this.#writer;
    const variant = variantSize(message, epoch);
    const variantField = message.kind === 'watermark' ? 0 : lengthFieldSize(variant);
    const positions = numberFieldSize(visiblePosition) + numberFieldSize(syncPosition);
    writer.begin(variantField + numberFieldSize(epoch) + positions);
    writeVariant(writer, message, epoch, variant);
    writer.number(0x28, epoch);
    writer.number(0x30, visiblePosition);
    writer.number(0x38, syncPosition);
    return writer.finish();
  }

  decode(bytes: Buffer): FollowResponse {
    const reader = this.#reader;
    reader.reset(bytes);
    let message = watermark;
    let epoch = 0;
    let visiblePosition = 0;
    let syncPosition = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x22) message = this.#readEntries();
      else if (tag === 0x28) epoch = reader.varint();
      else if (tag === 0x30) visiblePosition = reader.varint();
      else if (tag === 0x38) syncPosition = reader.varint();
      else if (tag === 0x0a) message = this.#readStart();
      else if (tag === 0x12) message = this.#readSnapshotNeeded();
      else if (tag === 0x1a) message = this.#readRefused();
      else reader.skip(tag);
    }
    reader.release();
    return { message, epoch, visiblePosition, syncPosition };
  }

  #readEntries(): FollowMessage {
    const reader = this.#reader;
    const outer = reader.enter();
    let firstPosition = 0;
    const bodies: Uint8Array[] = [];
    const checksums: number[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x12) bodies.push(reader.bytes());
      else if (tag === 0x1a) this.#readPackedChecksums(checksums);
      else if (tag === 0x1d) checksums.push(reader.fixed32());
      else if (tag === 0x08) firstPosition = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    if (bodies.length !== checksums.length) {
      throw malformed(`Entries has ${bodies.length} bodies, but ${checksums.length} checksums`);
    }
    return { kind: 'entries', firstPosition, bodies, checksums };
  }

  #readPackedChecksums(checksums: number[]): void {
    const reader = this.#reader;
    const outer = reader.enter();
    while (reader.position < reader.limit) checksums.push(reader.fixed32());
    reader.leave(outer);
  }

  #readStart(): FollowMessage {
    const reader = this.#reader;
    const outer = reader.enter();
    let fromPosition = 0;
    const epochs: EpochStart[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x10) fromPosition = reader.varint();
      else if (tag === 0x1a) epochs.push(this.#readEpochStart());
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'start', fromPosition, epochs };
  }

  #readEpochStart(): EpochStart {
    const reader = this.#reader;
    const outer = reader.enter();
    let epoch = 0;
    let firstPosition = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) epoch = reader.varint();
      else if (tag === 0x10) firstPosition = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { epoch, firstPosition };
  }

  #readSnapshotNeeded(): FollowMessage {
    const reader = this.#reader;
    const outer = reader.enter();
    let cause = 0;
    let lastPosition = 0;
    const epochs: EpochStart[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) cause = reader.varint();
      else if (tag === 0x18) lastPosition = reader.varint();
      else if (tag === 0x22) epochs.push(this.#readEpochStart());
      else reader.skip(tag);
    }
    reader.leave(outer);
    const known = snapshotCauses[cause];
    if (known === undefined) throw malformed(`SnapshotCause has no member ${cause}`);
    return { kind: 'snapshot-needed', cause: known, lastPosition, epochs };
  }

  #readRefused(): FollowMessage {
    const reader = this.#reader;
    const outer = reader.enter();
    let cause = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) cause = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    const known = refusalCauses[cause];
    if (known === undefined) throw malformed(`FollowRefusalCause has no member ${cause}`);
    return { kind: 'refused', cause: known };
  }
}
