/**
 * Members of one shard hold the same: equal positions mean equal contents, a log that agrees with another at one entry
 * agrees with it at all entries below, and when nothing is written any more all members end at the same entry.
 */
import { comparePositions, type Position, type ShardId } from '@edis/core';
import type { Finding } from './finding.ts';

/** What one member holds at one moment. */
export interface MemberDump {
  readonly shard: ShardId;
  readonly node: string;
  /** Of the last entry that the contents reach to. */
  readonly applied: Position;
  readonly contentHash: string;
  /** Its log, ascending; undefined: not known. */
  readonly log?: readonly LogPlace[];
}

export interface LogPlace extends Position {
  /** Of the entry's bytes; undefined: not known. */
  readonly hash?: string;
}

/** @param settled nothing is written any more, so that all members must be level */
export function checkReplicas(dumps: readonly MemberDump[], settled: boolean): Finding[] {
  const findings: Finding[] = [];
  const shards = new Map<ShardId, MemberDump[]>();
  for (const dump of dumps) shards.set(dump.shard, [...(shards.get(dump.shard) ?? []), dump]);
  for (const members of shards.values()) {
    for (const member of members) findings.push(...logFaults(member));
    for (const [index, left] of members.entries()) {
      for (const right of members.slice(index + 1)) findings.push(...pairFaults(left, right, settled));
    }
  }
  return findings;
}

function fault(message: string): Finding {
  return { rule: 'replica', key: undefined, message, evidence: [] };
}

const show = ({ epoch, position }: Position) => `epoch ${epoch}, position ${position}`;

function logFaults({ node, shard, log = [] }: MemberDump): Finding[] {
  const findings: Finding[] = [];
  let before: LogPlace | undefined;
  for (const place of log) {
    if (before !== undefined && place.position !== before.position + 1) {
      findings.push(fault(`the log of ${node} (${shard}) goes from position ${before.position} to ${place.position}`));
    }
    if (before !== undefined && place.epoch < before.epoch) {
      findings.push(fault(`the log of ${node} (${shard}) falls back from ${show(before)} to ${show(place)}`));
    }
    before = place;
  }
  return findings;
}

function pairFaults(left: MemberDump, right: MemberDump, settled: boolean): Finding[] {
  const names = `${left.node} and ${right.node} (${left.shard})`;
  const findings: Finding[] = [];
  if (comparePositions(left.applied, right.applied) === 0) {
    if (left.contentHash !== right.contentHash) {
      findings.push(fault(`${names} are both at ${show(left.applied)} and hold different records`));
    }
  } else if (settled) {
    findings.push(fault(`${names} end at different places: ${show(left.applied)}; ${show(right.applied)}`));
  }
  const disagreement = findDisagreement(left.log ?? [], right.log ?? []);
  if (disagreement !== undefined) findings.push(fault(`${names} have different logs: ${disagreement}`));
  return findings;
}

/** Below the last entry that both have of one epoch, all entries must be the same. */
function findDisagreement(left: readonly LogPlace[], right: readonly LogPlace[]): string | undefined {
  const others = new Map(right.map((place) => [place.position, place]));
  let agreed = false;
  for (const place of left.toReversed()) {
    const other = others.get(place.position);
    if (other === undefined) continue;
    if (place.epoch === other.epoch) {
      agreed = true;
      if (place.hash !== undefined && other.hash !== undefined && place.hash !== other.hash) {
        return `entries of ${show(place)} differ`;
      }
    } else if (agreed) {
      const epochs = `of epoch ${place.epoch} here and of epoch ${other.epoch} there`;
      return `position ${place.position} is ${epochs}, below an entry that both have`;
    }
  }
  return undefined;
}
