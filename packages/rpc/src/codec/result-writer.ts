import type { Outcome, Result } from '@edis/core';
import { unreachable } from '@edis/core';
import { busyCauses, invalidCauses } from './enum-names.ts';
import { metadataSize, writeMetadata } from './metadata-codec.ts';
import { positionSize, writePosition } from './position-codec.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { lengthFieldSize, numberFieldSize, sint64FieldSize, textFieldSize } from './protobuf-writer.ts';
import type { TopologyMemory } from './topology-memory.ts';

/** edis.v1.Result by hand: sizes, then the bytes; queries refuse in the same words. */

/** Field numbers of Result.outcome times 8 plus the wire type of a nested message. */
export const outcomeTags = {
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
  incremented: 0x7a,
  appended: 0x82,
  expiring: 0x8a,
  atomic: 0x92,
  'not-done': 0x9a,
} as const;

/** From here on a tag takes two bytes. */
const firstWideTag = 0x80;

type AtomicOutcome = Extract<Outcome, { kind: 'atomic' }>;
/** What changes nothing and says why. */
export type RefusalOutcome = Extract<
  Outcome,
  {
    kind: 'wrong-shard' | 'not-primary' | 'busy' | 'too-stale' | 'invalid' | 'too-old' | 'no-quorum' | 'unavailable';
  }
>;

/** Length of a result, without tag and length, whose outcome's message is that long. */
export function resultSize(request: number, { kind }: Outcome, outcome: number): number {
  const size = numberFieldSize(request) + lengthFieldSize(outcome);
  // The frequent ones need no look-up.
  if (kind === 'put' || kind === 'found' || outcomeTags[kind] < firstWideTag) return size;
  return size + 1;
}

/** The fields of a result whose outcome's message is that long. */
export function writeResult(writer: ProtobufWriter, result: Result, size: number, topologies: TopologyMemory): void {
  const { outcome } = result;
  writer.number(0x08, result.request);
  const tag = outcomeTags[outcome.kind];
  if (tag < firstWideTag) writer.lengthPrefix(tag, size);
  else writer.wideLengthPrefix(tag, size);
  writeOutcome(writer, outcome, topologies);
}

/** Length of an outcome's own message, without tag and length. */
export function outcomeSize(outcome: Outcome, topologies: TopologyMemory): number {
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
    case 'incremented':
      return sint64FieldSize(outcome.value) + numberFieldSize(outcome.version) + numberFieldSize(outcome.position);
    case 'appended':
      return numberFieldSize(outcome.length) + numberFieldSize(outcome.version) + numberFieldSize(outcome.position);
    case 'expiring':
      return (
        numberFieldSize(outcome.expiresAtMs) + numberFieldSize(outcome.version) + numberFieldSize(outcome.position)
      );
    case 'atomic':
      return atomicSize(outcome, topologies);
    case 'not-done':
      return 0;
    case 'wrong-shard':
    case 'not-primary':
    case 'busy':
    case 'too-stale':
    case 'invalid':
    case 'too-old':
    case 'no-quorum':
    case 'unavailable':
      return refusalSize(outcome, topologies);
    default:
      return unreachable(outcome);
  }
}

function atomicSize({ applied, outcomes, position }: AtomicOutcome, topologies: TopologyMemory): number {
  let size = (applied ? 2 : 0) + numberFieldSize(position);
  for (const [request, outcome] of outcomes.entries()) {
    size += lengthFieldSize(resultSize(request, outcome, outcomeSize(outcome, topologies)));
  }
  return size;
}

function refusalSize(outcome: RefusalOutcome, topologies: TopologyMemory): number {
  switch (outcome.kind) {
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

/** The fields of an outcome's own message. */
export function writeOutcome(writer: ProtobufWriter, outcome: Outcome, topologies: TopologyMemory): void {
  switch (outcome.kind) {
    case 'not-done':
      return;
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
    case 'incremented':
      writer.sint64(0x08, outcome.value);
      writer.number(0x10, outcome.version);
      writer.number(0x18, outcome.position);
      return;
    case 'appended':
      writer.number(0x08, outcome.length);
      writer.number(0x10, outcome.version);
      writer.number(0x18, outcome.position);
      return;
    case 'expiring':
      writer.number(0x08, outcome.expiresAtMs);
      writer.number(0x10, outcome.version);
      writer.number(0x18, outcome.position);
      return;
    case 'atomic':
      writeAtomic(writer, outcome, topologies);
      return;
    case 'wrong-shard':
    case 'not-primary':
    case 'busy':
    case 'too-stale':
    case 'invalid':
    case 'too-old':
    case 'no-quorum':
    case 'unavailable':
      writeRefusal(writer, outcome, topologies);
      return;
    default:
      unreachable(outcome);
  }
}

function writeAtomic(writer: ProtobufWriter, outcome: AtomicOutcome, topologies: TopologyMemory): void {
  if (outcome.applied) writer.presentNumber(0x08, 1);
  for (const [request, single] of outcome.outcomes.entries()) {
    const size = outcomeSize(single, topologies);
    writer.lengthPrefix(0x12, resultSize(request, single, size));
    writeResult(writer, { request, outcome: single }, size, topologies);
  }
  writer.number(0x18, outcome.position);
}

function writeRefusal(writer: ProtobufWriter, outcome: RefusalOutcome, topologies: TopologyMemory): void {
  switch (outcome.kind) {
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
