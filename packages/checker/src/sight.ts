/**
 * What an operation sees of the write before it. The search places a write of unknown outcome only where somebody sees
 * it; of most writes that can be told from the values and versions of the answers, without trying.
 */
import type { HistoryOperation } from './history.ts';
import { isAnswered, versionOf } from './history.ts';

export type Sight =
  /** That the record has this value. */
  | { readonly value: string }
  /** That there is a record. */
  | 'presence'
  /** Something of it, or nobody knows what. */
  | 'something'
  /** No write that leaves a record. */
  | 'nothing';

/** What an operation leaves. */
export type Leaves =
  | { readonly value: string }
  /** No record. */
  | 'nothing'
  /** That depends on what was there. */
  | 'anything';

/** Values that answers tell of versions. */
export function valuesByVersion(operations: readonly HistoryOperation[]): Map<number, string> {
  const values = new Map<number, string>();
  for (const { call, ending } of operations.filter(isAnswered)) {
    const { answer } = ending;
    const version = versionOf(answer);
    if (version === undefined) continue;
    if (answer.kind === 'found' || answer.kind === 'summed') values.set(version, answer.value);
    else if (answer.kind === 'written' && 'value' in call) values.set(version, call.value);
  }
  return values;
}

export function sightOf({ call, ending }: HistoryOperation, values: ReadonlyMap<number, string>): Sight {
  const answer = ending.status === 'ok' ? ending.answer : undefined;
  const versionSight = (version: number | undefined): Sight => {
    const value = version === undefined ? undefined : values.get(version);
    return value === undefined ? 'something' : { value };
  };
  switch (call.kind) {
    case 'get':
      return answer?.kind === 'found' ? { value: answer.value } : 'nothing';
    case 'put':
      return 'nothing';
    case 'put-if-absent':
      return answer?.kind === 'not-applied' ? versionSight(answer.version) : 'nothing';
    case 'put-if-version':
    case 'delete-if-version':
      if (answer?.kind !== 'not-applied') return versionSight(call.ifVersion);
      return answer.present ? versionSight(answer.version) : 'nothing';
    case 'delete':
      return answer === undefined ? 'nothing' : 'presence';
    case 'increment':
      return answer?.kind === 'summed' ? { value: String(BigInt(answer.value) - BigInt(call.by)) } : 'something';
    case 'append':
      return 'something';
  }
}

/** Whether it would be told something else, or could not come, if there were a record. */
export function seesAbsence({ call, ending }: HistoryOperation): boolean {
  const answer = ending.status === 'ok' ? ending.answer : undefined;
  switch (call.kind) {
    case 'get':
      return answer?.kind === 'absent';
    case 'put':
      return false;
    case 'put-if-absent':
      return answer?.kind !== 'not-applied';
    case 'put-if-version':
    case 'delete-if-version':
      return answer?.kind === 'not-applied' && !answer.present;
    case 'delete':
      return answer?.kind === 'removed' && !answer.existed;
    case 'increment':
    case 'append':
      return true;
  }
}
