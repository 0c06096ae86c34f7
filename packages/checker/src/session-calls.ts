/**
 * The data calls that a workload needs, in the form that the client's sessions have them. They stand here so that this
 * package judges any store that can be called so, and depends on none.
 */
import {
  type Ack,
  type ClusterId,
  type Consistency,
  decodeSessionToken,
  type MemberRole,
  type Position,
} from '@edis/core';
import type { Answer, AnswerPlace } from './history.ts';
import type { Told } from './history-recorder.ts';
import type { PlannedOperation } from './workload.ts';

/** What all answers have. */
interface Answering {
  readonly version: number | undefined;
  readonly shard: string;
  /** Session token of this answer. */
  readonly token: string;
}

interface FoundAnswer extends Answering {
  readonly value: Uint8Array;
  readonly servedBy: { readonly node: string; readonly role: MemberRole };
  readonly stalenessMs: number;
}

interface WriteAnswer extends Answering {
  readonly applied: boolean;
}

interface WriteLevel {
  readonly ack?: Ack | undefined;
}

export interface SessionCalls {
  get(
    key: string,
    options: { readonly consistency?: Consistency | undefined; readonly maxStalenessMs?: number | undefined },
  ): Promise<FoundAnswer | undefined>;
  put(
    key: string,
    value: string,
    options: WriteLevel & { readonly ifAbsent?: boolean | undefined; readonly ifVersion?: number | undefined },
  ): Promise<WriteAnswer>;
  delete(
    key: string,
    options: WriteLevel & { readonly ifVersion?: number | undefined },
  ): Promise<WriteAnswer & { readonly existed?: boolean }>;
  increment(key: string, by: number, options: WriteLevel): Promise<Answering & { readonly value: bigint }>;
  append(key: string, value: string, options: WriteLevel): Promise<Answering & { readonly length: number }>;
}

/** Carries out one planned operation. */
export async function perform(session: SessionCalls, planned: PlannedOperation, cluster: ClusterId): Promise<Told> {
  const { key, call, ack, consistency, maxStalenessMs } = planned;
  switch (call.kind) {
    case 'get': {
      const found = await session.get(key, { consistency, maxStalenessMs });
      if (found === undefined) return { answer: { kind: 'absent' }, place: undefined };
      const { value, version, servedBy, stalenessMs } = found;
      const answer: Answer = { kind: 'found', value: new TextDecoder().decode(value), version };
      return { answer, place: placeOf(found, cluster, { ...servedBy, stalenessMs }) };
    }
    case 'put':
      return written(await session.put(key, call.value, { ack }), cluster);
    case 'put-if-absent':
      return written(await session.put(key, call.value, { ack, ifAbsent: true }), cluster);
    case 'put-if-version':
      return written(await session.put(key, call.value, { ack, ifVersion: call.ifVersion }), cluster);
    case 'delete':
      return removed(await session.delete(key, { ack }), cluster);
    case 'delete-if-version':
      return removed(await session.delete(key, { ack, ifVersion: call.ifVersion }), cluster);
    case 'increment': {
      const sum = await session.increment(key, call.by, { ack });
      const answer: Answer = { kind: 'summed', value: sum.value.toString(), version: sum.version };
      return { answer, place: placeOf(sum, cluster) };
    }
    case 'append': {
      const grown = await session.append(key, call.value, { ack });
      const answer: Answer = { kind: 'appended', length: grown.length, version: grown.version };
      return { answer, place: placeOf(grown, cluster) };
    }
  }
}

function written(result: WriteAnswer, cluster: ClusterId): Told {
  const { applied, version } = result;
  const answer: Answer = applied ? { kind: 'written', version } : notApplied(version);
  return { answer, place: placeOf(result, cluster) };
}

function removed(result: WriteAnswer & { readonly existed?: boolean }, cluster: ClusterId): Told {
  const { applied, version, existed = false } = result;
  const answer: Answer = applied ? { kind: 'removed', existed, version } : notApplied(version);
  return { answer, place: placeOf(result, cluster) };
}

function notApplied(version: number | undefined): Answer {
  return { kind: 'not-applied', present: version !== undefined, version };
}

function placeOf(
  { shard, token }: Answering,
  cluster: ClusterId,
  reader?: { readonly node: string; readonly role: MemberRole; readonly stalenessMs: number },
): AnswerPlace {
  return {
    node: reader?.node,
    role: reader?.role,
    shard,
    position: positionOf(token, shard, cluster),
    stalenessMs: reader?.stalenessMs,
  };
}

/** A token that cannot be read says nothing about the order of answers. */
function positionOf(token: string, shard: string, cluster: ClusterId): Position | undefined {
  try {
    return decodeSessionToken(token, cluster).positions.get(shard);
  } catch {
    return undefined;
  }
}
