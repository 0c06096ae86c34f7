/** Operations as people read them in a verdict. */
import type { Answer, Call, HistoryOperation } from './history.ts';

/** `#7 caller-2 put "b" → version 12 [4.1 … 9.0 ms]` */
export function showOperation(operation: HistoryOperation): string {
  const { id, session, ending } = operation;
  return `#${id} ${session} ${showCall(operation)} ${showEnding(operation)} [${showTime(operation.callMs)} … ${
    ending.returnMs === undefined ? '' : showTime(ending.returnMs)
  } ms]${showPlace(operation)}`;
}

function showTime(milliseconds: number): string {
  return milliseconds.toFixed(1);
}

function showCall({ call, ack, consistency, maxStalenessMs }: HistoryOperation): string {
  const level = ack ?? (maxStalenessMs === undefined ? consistency : `within ${maxStalenessMs} ms`);
  return `${showArguments(call)}${level === undefined ? '' : ` (${level})`}`;
}

function showArguments(call: Call): string {
  switch (call.kind) {
    case 'get':
    case 'delete':
      return call.kind;
    case 'put':
    case 'put-if-absent':
    case 'append':
      return `${call.kind} ${JSON.stringify(call.value)}`;
    case 'put-if-version':
      return `put ${JSON.stringify(call.value)} if version ${call.ifVersion}`;
    case 'delete-if-version':
      return `delete if version ${call.ifVersion}`;
    case 'increment':
      return `increment by ${call.by}`;
  }
}

function showEnding({ ending }: HistoryOperation): string {
  switch (ending.status) {
    case 'ok':
      return `→ ${showAnswer(ending.answer)}`;
    case 'failed':
      return `failed (${ending.code}), had no effect`;
    case 'unknown':
      return `unknown (${ending.code})`;
  }
}

function showAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'found':
      return `${JSON.stringify(answer.value)}${showVersion(answer.version)}`;
    case 'absent':
      return 'no record';
    case 'written':
      return `done${showVersion(answer.version)}`;
    case 'removed':
      return answer.existed ? `removed${showVersion(answer.version)}` : 'there was no record';
    case 'summed':
      return `${answer.value}${showVersion(answer.version)}`;
    case 'appended':
      return `${answer.length} bytes${showVersion(answer.version)}`;
    case 'not-applied':
      return answer.present
        ? `not applied, met${showVersion(answer.version) || ' a record'}`
        : 'not applied, no record';
  }
}

function showVersion(version: number | undefined): string {
  return version === undefined ? '' : ` version ${version}`;
}

function showPlace({ ending }: HistoryOperation): string {
  if (ending.status !== 'ok' || ending.place?.node === undefined) return '';
  const { node, role, position } = ending.place;
  const at = position === undefined ? '' : ` at epoch ${position.epoch}, position ${position.position}`;
  return ` by ${node}${role === undefined ? '' : ` (${role})`}${at}`;
}
