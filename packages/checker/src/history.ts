/**
 * What clients did and saw: the only evidence that the checkers judge.
 *
 * Times are milliseconds of one monotonic clock, so operations of different callers can be ordered. An operation whose
 * outcome is unknown may take effect at any moment after its call, or never; nobody ever makes it known afterwards.
 * Versions and positions are optional: what is not recorded is not checked.
 */
import type { Ack, Consistency, MemberRole, Position, ShardId } from '@edis/core';

/** What a caller asked for. Numbers are kept as decimal digits, as in records. */
export type Call =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'put-if-absent'; readonly value: string }
  | { readonly kind: 'put-if-version'; readonly value: string; readonly ifVersion: number }
  | { readonly kind: 'delete' }
  | { readonly kind: 'delete-if-version'; readonly ifVersion: number }
  | { readonly kind: 'increment'; readonly by: number }
  | { readonly kind: 'append'; readonly value: string };

/** What a caller was told. */
export type Answer =
  | { readonly kind: 'found'; readonly value: string; readonly version: number | undefined }
  | { readonly kind: 'absent' }
  | { readonly kind: 'written'; readonly version: number | undefined }
  | { readonly kind: 'removed'; readonly existed: boolean; readonly version: number | undefined }
  | { readonly kind: 'summed'; readonly value: string; readonly version: number | undefined }
  | { readonly kind: 'appended'; readonly length: number; readonly version: number | undefined }
  /** The condition did not hold; the version is that of the record that was met. */
  | { readonly kind: 'not-applied'; readonly present: boolean; readonly version: number | undefined };

export type Ending =
  | {
      readonly status: 'ok';
      readonly returnMs: number;
      readonly answer: Answer;
      readonly place: AnswerPlace | undefined;
    }
  /** It certainly had no effect, and never will. */
  | { readonly status: 'failed'; readonly returnMs: number; readonly code: string }
  /** `returnMs` is when the caller gave up; undefined: it never heard anything. */
  | { readonly status: 'unknown'; readonly returnMs: number | undefined; readonly code: string };

/** Who answered, and how new that was. */
export interface AnswerPlace {
  readonly node: string | undefined;
  readonly role: MemberRole | undefined;
  readonly shard: ShardId | undefined;
  readonly position: Position | undefined;
  readonly stalenessMs: number | undefined;
}

export interface HistoryOperation {
  /** Unique in its history. */
  readonly id: number;
  /** A session promises not to go back in time. */
  readonly session: string;
  readonly key: string;
  readonly call: Call;
  readonly callMs: number;
  /** Of writes. */
  readonly ack: Ack | undefined;
  /** Of reads. */
  readonly consistency: Consistency | undefined;
  /** Of bounded reads. */
  readonly maxStalenessMs: number | undefined;
  readonly ending: Ending;
}

export type Answered = HistoryOperation & { readonly ending: Extract<Ending, { readonly status: 'ok' }> };

export function isAnswered(operation: HistoryOperation): operation is Answered {
  return operation.ending.status === 'ok';
}

export function isRead({ call }: Pick<HistoryOperation, 'call'>): boolean {
  return call.kind === 'get';
}

/** Whether an answered operation changed its record. */
export function hasChanged({ ending: { answer } }: Answered): boolean {
  switch (answer.kind) {
    case 'written':
    case 'summed':
    case 'appended':
      return true;
    case 'removed':
      return answer.existed;
    case 'found':
    case 'absent':
    case 'not-applied':
      return false;
  }
}

/** The version that an answer names: of the record that was made or met. */
export function versionOf(answer: Answer): number | undefined {
  return answer.kind === 'absent' || answer.version === 0 ? undefined : answer.version;
}

/** Whether the operation takes its record away, if it is carried out. */
export function isRemoval({ call }: Pick<HistoryOperation, 'call'>): boolean {
  return call.kind === 'delete' || call.kind === 'delete-if-version';
}

/** The moment from which everybody must see it; never for what has no known outcome. */
export function returnOf({ ending }: HistoryOperation): number {
  return ending.status === 'unknown' ? Number.POSITIVE_INFINITY : ending.returnMs;
}

/** What was known at that moment: what had no answer by then has an unknown outcome. */
export function beginningOf(operations: readonly HistoryOperation[], untilMs: number): HistoryOperation[] {
  return operations
    .filter(({ callMs }) => callMs <= untilMs)
    .map((one) => {
      if (!isAnswered(one) || one.ending.returnMs <= untilMs) return one;
      return { ...one, ending: { status: 'unknown', returnMs: undefined, code: 'no-answer' } };
    });
}

export function byKey(history: readonly HistoryOperation[]): Map<string, HistoryOperation[]> {
  const keys = new Map<string, HistoryOperation[]>();
  for (const operation of history) {
    const operations = keys.get(operation.key);
    if (operations === undefined) keys.set(operation.key, [operation]);
    else operations.push(operation);
  }
  return keys;
}
