import type { AggregateGroup, AggregateResponse, MeasurePart, QueryFooter, QueryRefusal, Topology } from '@edis/core';
import { limits } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize } from './protobuf-writer.ts';
import {
  footerFieldSize,
  readFooter,
  readRefusal,
  refusalFieldSize,
  writeFooter,
  writeRefusal,
} from './query-footer-codec.ts';
import { ResultReader } from './result-reader.ts';
import { TopologyMemory } from './topology-memory.ts';

/** edis.v1.AggregateResponse by hand: it shares its refusals with the pages of records. */

const footerTag = 0x1a;

function partSize(part: MeasurePart): number {
  return numberFieldSize(part.count) + textFieldSize(part.sum) + textFieldSize(part.min) + textFieldSize(part.max);
}

function groupSize(group: AggregateGroup): number {
  let size = textFieldSize(group.group) + numberFieldSize(group.count);
  for (const part of group.parts) size += lengthFieldSize(partSize(part));
  return size;
}

function writeGroup(writer: ProtobufWriter, group: AggregateGroup): void {
  writer.text(0x0a, group.group);
  writer.number(0x10, group.count);
  for (const part of group.parts) {
    writer.lengthPrefix(0x1a, partSize(part));
    writer.number(0x08, part.count);
    writer.text(0x12, part.sum);
    writer.text(0x1a, part.min);
    writer.text(0x22, part.max);
  }
}

function readPart(reader: ProtobufReader): MeasurePart {
  const outer = reader.enter();
  let count = 0;
  let sum = '';
  let min = '';
  let max = '';
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === 0x08) count = reader.varint();
    else if (tag === 0x12) sum = reader.utf8();
    else if (tag === 0x1a) min = reader.utf8();
    else if (tag === 0x22) max = reader.utf8();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { count, sum, min, max };
}

function readGroup(reader: ProtobufReader): AggregateGroup {
  const outer = reader.enter();
  let group = '';
  let count = 0;
  const parts: MeasurePart[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === 0x0a) group = reader.utf8();
    else if (tag === 0x10) count = reader.varint();
    else if (tag === 0x1a) {
      if (parts.length === limits.maxMeasures) throw malformed(`a group of more than ${limits.maxMeasures} measures`);
      parts.push(readPart(reader));
    } else reader.skip(tag);
  }
  reader.leave(outer);
  return { group, count, parts };
}

export class AggregateResponseCodec implements MessageCodec<AggregateResponse> {
  readonly #encodedTopologies: TopologyMemory;
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();
  readonly #results: ResultReader;

  constructor(topologyCodec: MessageCodec<Topology>) {
    this.#encodedTopologies = new TopologyMemory(topologyCodec);
    this.#results = new ResultReader(this.#reader, new TopologyMemory(topologyCodec));
  }

  encode(response: AggregateResponse): Buffer {
    const writer = this.#writer;
    if (response.kind !== 'groups') {
      writer.begin(refusalFieldSize(response, this.#encodedTopologies));
      writeRefusal(writer, 0x0a, response, this.#encodedTopologies);
      return writer.finish();
    }
    const sizes = response.groups.map(groupSize);
    writer.begin(sizes.reduce((total, size) => total + lengthFieldSize(size), footerFieldSize(response.footer)));
    for (const [index, group] of response.groups.entries()) {
      writer.lengthPrefix(0x12, sizes[index] ?? 0);
      writeGroup(writer, group);
    }
    writeFooter(writer, footerTag, response.footer);
    return writer.finish();
  }

  decode(bytes: Buffer): AggregateResponse {
    const reader = this.#reader;
    reader.reset(bytes);
    let refusal: QueryRefusal | undefined;
    let footer: QueryFooter | undefined;
    const groups: AggregateGroup[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x12) {
        if (groups.length === limits.maxGroups) throw malformed(`more than ${limits.maxGroups} groups`);
        groups.push(readGroup(reader));
      } else if (tag === footerTag) footer = readFooter(reader);
      else if (tag === 0x0a) refusal = readRefusal(reader, this.#results);
      else reader.skip(tag);
    }
    reader.release();
    if (refusal !== undefined) return refusal;
    if (footer === undefined) throw malformed('groups without a footer');
    return { kind: 'groups', groups, footer };
  }
}
