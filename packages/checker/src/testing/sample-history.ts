/** Short forms for histories in tests. */
import type { Ack, Consistency, MemberRole } from '@edis/core';
import type { Answer, AnswerPlace, Call, Ending, HistoryOperation } from '../history.ts';

export interface SampleOperation {
  readonly key?: string;
  readonly session?: string;
  readonly call: Call;
  /** Call and return. */
  readonly at: readonly [number, number];
  /** `failed` and `unknown` are endings without an answer. */
  readonly answer: Answer | 'failed' | 'unknown';
  readonly ack?: Ack;
  readonly consistency?: Consistency;
  readonly maxStalenessMs?: number;
  /** Shard s1: epoch, position, and who answered. */
  readonly place?: readonly [number, number, MemberRole?];
  readonly stalenessMs?: number;
}

/** Ids are 1, 2, 3 … in the order given. */
export function sampleHistory(samples: readonly SampleOperation[]): HistoryOperation[] {
  return samples.map((sample, index) => ({
    id: index + 1,
    session: sample.session ?? `caller-${index + 1}`,
    key: sample.key ?? 'k',
    call: sample.call,
    callMs: sample.at[0],
    ack: sample.ack,
    consistency: sample.consistency,
    maxStalenessMs: sample.maxStalenessMs,
    ending: endingOf(sample),
  }));
}

function endingOf({ answer, at: [, returnMs], ...rest }: SampleOperation): Ending {
  if (answer === 'failed') return { status: 'failed', returnMs, code: 'no-quorum' };
  if (answer === 'unknown') return { status: 'unknown', returnMs, code: 'deadline' };
  return { status: 'ok', returnMs, answer, place: placeOf(rest) };
}

function placeOf({ place, stalenessMs }: Pick<SampleOperation, 'place' | 'stalenessMs'>): AnswerPlace | undefined {
  if (place === undefined && stalenessMs === undefined) return undefined;
  const [epoch = 1, position = 1, role = 'replica'] = place ?? [];
  return { node: 'r1', role, shard: 's1', position: place && { epoch, position }, stalenessMs };
}

export const get: Call = { kind: 'get' };
export const remove: Call = { kind: 'delete' };
export const put = (value: string): Call => ({ kind: 'put', value });
export const putIfAbsent = (value: string): Call => ({ kind: 'put-if-absent', value });
export const putIfVersion = (value: string, ifVersion: number): Call => ({ kind: 'put-if-version', value, ifVersion });
export const increment = (by: number): Call => ({ kind: 'increment', by });
export const append = (value: string): Call => ({ kind: 'append', value });

export const absent: Answer = { kind: 'absent' };
export const found = (value: string, version?: number): Answer => ({ kind: 'found', value, version });
export const written = (version?: number): Answer => ({ kind: 'written', version });
export const removed = (version?: number): Answer => ({ kind: 'removed', existed: true, version });
export const summed = (value: number, version?: number): Answer => ({ kind: 'summed', value: String(value), version });
export const refused = (version?: number): Answer => ({ kind: 'not-applied', present: version !== undefined, version });
