import type { QueryFooter, QueryRefusal } from '@edis/core';
import { malformed } from './message-codec.ts';
import { positionSize, readPosition, writePosition } from './position-codec.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { lengthFieldSize, numberFieldSize, textFieldSize } from './protobuf-writer.ts';
import type { ResultReader } from './result-reader.ts';
import { outcomeSize, outcomeTags, writeOutcome } from './result-writer.ts';
import type { TopologyMemory } from './topology-memory.ts';

/** What the answers of QueryService have in common, as nested fields: QueryFooter and QueryRefusal. */

function footerSize(footer: QueryFooter): number {
  return (
    textFieldSize(footer.node) + lengthFieldSize(positionSize(footer.position)) + numberFieldSize(footer.stalenessMs)
  );
}

export function footerFieldSize(footer: QueryFooter): number {
  return lengthFieldSize(footerSize(footer));
}

export function writeFooter(writer: ProtobufWriter, tag: number, footer: QueryFooter): void {
  writer.lengthPrefix(tag, footerSize(footer));
  writer.text(0x0a, footer.node);
  writePosition(writer, 0x12, footer.position);
  writer.number(0x18, footer.stalenessMs);
}

export function readFooter(reader: ProtobufReader): QueryFooter {
  const outer = reader.enter();
  let node = '';
  let position = { epoch: 0, position: 0 };
  let stalenessMs = 0;
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === 0x0a) node = reader.utf8();
    else if (tag === 0x12) position = readPosition(reader);
    else if (tag === 0x18) stalenessMs = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { node, position, stalenessMs };
}

/** Field numbers of QueryRefusal times 8 plus the wire type of a nested message. */
const refusalTags = {
  'wrong-shard': 0x0a,
  'not-primary': 0x12,
  busy: 0x1a,
  'too-stale': 0x22,
  invalid: 0x2a,
  unavailable: 0x32,
} as const satisfies Record<QueryRefusal['kind'], number>;

const outcomeTagsByRefusalTag: ReadonlyMap<number, number> = new Map([
  [refusalTags['wrong-shard'], outcomeTags['wrong-shard']],
  [refusalTags['not-primary'], outcomeTags['not-primary']],
  [refusalTags.busy, outcomeTags.busy],
  [refusalTags['too-stale'], outcomeTags['too-stale']],
  [refusalTags.invalid, outcomeTags.invalid],
  [refusalTags.unavailable, outcomeTags.unavailable],
]);

export function refusalFieldSize(refusal: QueryRefusal, topologies: TopologyMemory): number {
  return lengthFieldSize(lengthFieldSize(outcomeSize(refusal, topologies)));
}

export function writeRefusal(
  writer: ProtobufWriter,
  tag: number,
  refusal: QueryRefusal,
  topologies: TopologyMemory,
): void {
  const size = outcomeSize(refusal, topologies);
  writer.lengthPrefix(tag, lengthFieldSize(size));
  writer.lengthPrefix(refusalTags[refusal.kind], size);
  writeOutcome(writer, refusal, topologies);
}

export function readRefusal(reader: ProtobufReader, results: ResultReader): QueryRefusal {
  const outer = reader.enter();
  let refusal: QueryRefusal | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    const outcomeTag = outcomeTagsByRefusalTag.get(tag);
    if (outcomeTag === undefined) {
      reader.skip(tag);
      continue;
    }
    const outcome = results.readRefusal(outcomeTag);
    if (outcome.kind !== 'too-old' && outcome.kind !== 'no-quorum') refusal = outcome;
  }
  reader.leave(outer);
  if (refusal === undefined) throw malformed('QueryRefusal has no refusal');
  return refusal;
}
