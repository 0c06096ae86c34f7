import type {
  BatchResponse,
  BusyCause,
  Bytes,
  InvalidCause,
  MemberRole,
  Outcome,
  Position,
  Result,
  Topology,
} from '@edis/core';
import { unreachable } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { MetadataReader, metadataSize, writeMetadata } from './metadata-codec.ts';
import { positionSize, readPosition, writePosition } from './position-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize } from './protobuf-writer.ts';

/**
 * edis.v1.BatchResponse by hand, because it is the data path; built like the request's codec. The map inside
 * `wrong_shard` is rare and large and goes through the codec that it has elsewhere. A batch that was routed by an old
 * map carries the same map in many results, so the last one is kept in both directions.
 */

const busyCauses: readonly (BusyCause | undefined)[] = [
  undefined,
  'queue-operations',
  'queue-bytes',
  'overlay',
  'clients',
];
const invalidCauses: readonly (InvalidCause | undefined)[] = [
  undefined,
  'key-empty',
  'key-too-large',
  'value-too-large',
  'metadata-too-large',
  'no-such-keyspace',
  'malformed',
];
const roles: readonly (MemberRole | undefined)[] = [undefined, 'primary', 'replica', 'learner'];

/** Field numbers of Result.outcome times 8 plus the wire type of a nested message. */
const outcomeTags = {
  put: 0x12,
  deleted: 0x1a,
  found: 0x22,
  'not-found': 0x2a,
  'condition-failed': 0x32,
  'wrong-shard': 0x3a,
  'not-primary': 0x42,
  busy: 0x4a,
  'too-stale': 0x52,
  invalid: 0x5a,
  'too-old': 0x62,
  'no-quorum': 0x6a,
  unavailable: 0x72,
} as const;

/** Encodes a map once for all results of a response that carry it. */
class TopologyMemory {
  readonly #codec: MessageCodec<Topology>;
  #topology: Topology | undefined = undefined;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(codec: MessageCodec<Topology>) {
    this.#codec = codec;
  }

  encode(topology: Topology): Buffer {
    if (this.#topology !== topology) {
      this.#bytes = this.#codec.encode(topology);
      this.#topology = topology;
    }
    return this.#bytes;
  }

  decode(bytes: Buffer): Topology {
    if (this.#topology !== undefined && this.#bytes.equals(bytes)) return this.#topology;
    const topology = this.#codec.decode(bytes);
    // A copy: the view would keep the whole response alive for as long as the map is remembered.
    this.#bytes = Buffer.from(bytes);
    this.#topology = topology;
    return topology;
  }
}

/** Reads one Result; numbers of the outcome's own fields are collected under their field numbers. */
class ResultReader {
  readonly #reader: ProtobufReader;
  readonly #topologies: TopologyMemory;
  readonly #metadata = new MetadataReader();
  #first = 0;
  #second = 0;
  #third = 0;
  #text = '';

  constructor(reader: ProtobufReader, topologies: TopologyMemory) {
    this.#reader = reader;
    this.#topologies = topologies;
  }

  read(): Result {
    const reader = this.#reader;
    const outer = reader.enter();
    let request = 0;
    let outcome: Outcome | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) request = reader.uint32();
      else if ((tag & 7) === 2 && tag >= 0x12 && tag <= 0x72) outcome = this.#readOutcome(tag);
      else reader.skip(tag);
    }
    reader.leave(outer);
    if (outcome === undefined) throw malformed(`the result of request ${request} has no outcome`);
    return { request, outcome };
  }

  #readOutcome(tag: number): Outcome {
    switch (tag) {
      case outcomeTags.put:
        this.#readNumbers();
        return { kind: 'put', version: this.#first, position: this.#second };
      case outcomeTags.found:
        return this.#readFound();
      case outcomeTags['not-found']:
        this.#readNumbers();
        return { kind: 'not-found', position: this.#first };
      case outcomeTags.deleted:
        this.#readNumbers();
        return { kind: 'deleted', existed: this.#first !== 0, version: this.#third, position: this.#second };
      case outcomeTags['condition-failed']:
        this.#readNumbers();
        return { kind: 'condition-failed', version: this.#first, position: this.#second };
      default:
        return this.#readRareOutcome(tag);
    }
  }

  #readRareOutcome(tag: number): Outcome {
    switch (tag) {
      case outcomeTags['wrong-shard']:
        return this.#readWrongShard();
      case outcomeTags['too-stale']:
        return this.#readTooStale();
      case outcomeTags['not-primary']:
        this.#readNumbers();
        return { kind: 'not-primary', epoch: this.#first };
      case outcomeTags.busy:
        this.#readNumbers();
        return { kind: 'busy', cause: known(busyCauses, this.#first, 'BusyCause'), retryAfterMs: this.#second };
      case outcomeTags.invalid:
        this.#readNumbers();
        return { kind: 'invalid', cause: known(invalidCauses, this.#first, 'InvalidCause'), message: this.#text };
      case outcomeTags['too-old']:
        this.#readNumbers();
        return { kind: 'too-old', windowMs: this.#first };
      case outcomeTags['no-quorum']:
        this.#readNumbers();
        return { kind: 'no-quorum', members: this.#first, needed: this.#second };
      case outcomeTags.unavailable:
        this.#readNumbers();
        return { kind: 'unavailable', message: this.#text };
      default:
        throw malformed(`outcome with tag ${tag}`);
    }
  }

  /** A message of up to three varint fields and one text. */
  #readNumbers(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    this.#first = 0;
    this.#second = 0;
    this.#third = 0;
    this.#text = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) this.#first = reader.varint();
      else if (tag === 0x10) this.#second = reader.varint();
      else if (tag === 0x18) this.#third = reader.varint();
      else if (tag === 0x0a || tag === 0x12) this.#text = reader.utf8();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readFound(): Outcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let value: Bytes = '';
    let version = 0;
    let expiresAtMs = 0;
    let position = 0;
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) value = reader.bytes();
      else if (tag === 0x12) this.#metadata.readEntry(reader);
      else if (tag === 0x18) version = reader.varint();
      else if (tag === 0x20) expiresAtMs = reader.varint();
      else if (tag === 0x28) position = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'found', value, metadata: this.#metadata.value, version, expiresAtMs, position };
  }

  #readWrongShard(): Outcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let topology: Topology | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) topology = this.#topologies.decode(reader.bytes());
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'wrong-shard', topology };
  }

  #readTooStale(): Outcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let applied: Position = { epoch: 0, position: 0 };
    let stalenessMs = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) applied = readPosition(reader);
      else if (tag === 0x10) stalenessMs = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'too-stale', applied, stalenessMs };
  }
}

function known<T extends string>(names: readonly (T | undefined)[], value: number, what: string): T {
  const name = names[value];
  if (name === undefined) throw malformed(`${what} has no member ${value}`);
  return name;
}

function outcomeSize(outcome: Outcome, topologies: TopologyMemory): number {
  switch (outcome.kind) {
    case 'put':
    case 'condition-failed':
      return numberFieldSize(outcome.version) + numberFieldSize(outcome.position);
    case 'deleted':
      return (outcome.existed ? 2 : 0) + numberFieldSize(outcome.version) + numberFieldSize(outcome.position);
    case 'found':
      return (
        lengthFieldSize(outcome.value.length) +
        metadataSize(outcome.metadata) +
        numberFieldSize(outcome.version) +
        numberFieldSize(outcome.expiresAtMs) +
        numberFieldSize(outcome.position)
      );
    case 'not-found':
      return numberFieldSize(outcome.position);
    case 'wrong-shard':
      return outcome.topology === undefined ? 0 : lengthFieldSize(topologies.encode(outcome.topology).length);
    case 'not-primary':
      return numberFieldSize(outcome.epoch);
    case 'busy':
      return 2 + numberFieldSize(outcome.retryAfterMs);
    case 'too-stale':
      return lengthFieldSize(positionSize(outcome.applied)) + numberFieldSize(outcome.stalenessMs);
    case 'invalid':
      return 2 + textFieldSize(outcome.message);
    case 'too-old':
      return numberFieldSize(outcome.windowMs);
    case 'no-quorum':
      return numberFieldSize(outcome.members) + numberFieldSize(outcome.needed);
    case 'unavailable':
      return textFieldSize(outcome.message);
    default:
      return unreachable(outcome);
  }
}

function writeOutcome(writer: ProtobufWriter, outcome: Outcome, topologies: TopologyMemory): void {
  switch (outcome.kind) {
    case 'put':
    case 'condition-failed':
      writer.number(0x08, outcome.version);
      writer.number(0x10, outcome.position);
      return;
    case 'deleted':
      if (outcome.existed) writer.presentNumber(0x08, 1);
      writer.number(0x10, outcome.position);
      writer.number(0x18, outcome.version);
      return;
    case 'found':
      writer.bytes(0x0a, outcome.value);
      writeMetadata(writer, 0x12, outcome.metadata);
      writer.number(0x18, outcome.version);
      writer.number(0x20, outcome.expiresAtMs);
      writer.number(0x28, outcome.position);
      return;
    case 'not-found':
      writer.number(0x08, outcome.position);
      return;
    case 'wrong-shard':
      if (outcome.topology !== undefined) writer.bytes(0x0a, topologies.encode(outcome.topology));
      return;
    case 'not-primary':
      writer.number(0x08, outcome.epoch);
      return;
    case 'busy':
      writer.presentNumber(0x08, busyCauses.indexOf(outcome.cause));
      writer.number(0x10, outcome.retryAfterMs);
      return;
    case 'too-stale':
      writePosition(writer, 0x0a, outcome.applied);
      writer.number(0x10, outcome.stalenessMs);
      return;
    case 'invalid':
      writer.presentNumber(0x08, invalidCauses.indexOf(outcome.cause));
      writer.text(0x12, outcome.message);
      return;
    case 'too-old':
      writer.number(0x08, outcome.windowMs);
      return;
    case 'no-quorum':
      writer.number(0x08, outcome.members);
      writer.number(0x10, outcome.needed);
      return;
    case 'unavailable':
      writer.text(0x0a, outcome.message);
      return;
    default:
      unreachable(outcome);
  }
}

export class BatchResponseCodec implements MessageCodec<BatchResponse> {
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();
  readonly #encodedTopologies: TopologyMemory;
  readonly #results: ResultReader;
  /** Sizes of the response being encoded, two for each result: of its outcome, of itself. */
  readonly #sizes: number[] = [];

  constructor(topologyCodec: MessageCodec<Topology>) {
    this.#encodedTopologies = new TopologyMemory(topologyCodec);
    this.#results = new ResultReader(this.#reader, new TopologyMemory(topologyCodec));
  }

  encode(response: BatchResponse): Buffer {
    this.#writer.begin(this.#measure(response));
    this.#write(response);
    return this.#writer.finish();
  }

  decode(bytes: Buffer): BatchResponse {
    const reader = this.#reader;
    reader.reset(bytes);
    const results: Result[] = [];
    let node = '';
    let roleNumber = 0;
    let shard = '';
    let epoch = 0;
    let timestamp = 0;
    let stalenessMs = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) results.push(this.#results.read());
      else if (tag === 0x12) node = reader.utf8();
      else if (tag === 0x18) roleNumber = reader.varint();
      else if (tag === 0x22) shard = reader.utf8();
      else if (tag === 0x28) epoch = reader.varint();
      else if (tag === 0x30) timestamp = reader.varint();
      else if (tag === 0x38) stalenessMs = reader.varint();
      else reader.skip(tag);
    }
    reader.release();
    const role = roleNumber === 0 ? undefined : known(roles, roleNumber, 'MemberRole');
    return { results, node, role, shard, epoch, timestamp, stalenessMs };
  }

  #measure(response: BatchResponse): number {
    const sizes = this.#sizes;
    let total =
      textFieldSize(response.node) +
      (response.role === undefined ? 0 : 2) +
      textFieldSize(response.shard) +
      numberFieldSize(response.epoch) +
      numberFieldSize(response.timestamp) +
      numberFieldSize(response.stalenessMs);
    let index = 0;
    for (const result of response.results) {
      const outcome = outcomeSize(result.outcome, this.#encodedTopologies);
      const size = numberFieldSize(result.request) + lengthFieldSize(outcome);
      sizes[index++] = outcome;
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    return total;
  }

  #write(response: BatchResponse): void {
    const writer = this.#writer;
    let index = 0;
    for (const result of response.results) {
      const outcome = this.#sizes[index++] ?? 0;
      writer.lengthPrefix(0x0a, this.#sizes[index++] ?? 0);
      writer.number(0x08, result.request);
      writer.lengthPrefix(outcomeTags[result.outcome.kind], outcome);
      writeOutcome(writer, result.outcome, this.#encodedTopologies);
    }
    writer.text(0x12, response.node);
    if (response.role !== undefined) writer.presentNumber(0x18, roles.indexOf(response.role));
    writer.text(0x22, response.shard);
    writer.number(0x28, response.epoch);
    writer.number(0x30, response.timestamp);
    writer.number(0x38, response.stalenessMs);
  }
}
