/**
 * A history as NDJSON, which one process appends and another judges: a line when an operation is called, a second one
 * when it has ended. An operation without a second line has an unknown outcome: its process was killed, or it waits
 * still. A last line that was cut off is left out for the same reason.
 */
import { EdisError } from '@edis/core';
import type { Ending, HistoryOperation } from './history.ts';
import { isObject } from './json-object.ts';

/** An operation that was called and has not ended. */
export type CalledOperation = Omit<HistoryOperation, 'ending'>;

export function encodeCall(operation: CalledOperation): string {
  const { id, session, key, call, callMs, ack, consistency, maxStalenessMs } = operation;
  return `${JSON.stringify({ call: id, session, key, do: call, callMs, ack, consistency, maxStalenessMs })}\n`;
}

export function encodeEnding(id: number, ending: Ending): string {
  return `${JSON.stringify({ end: id, ending })}\n`;
}

/** A whole history; ids of different writers must differ. Throws 'damaged' for any other text. */
export function decodeHistory(text: string): HistoryOperation[] {
  const operations = new Map<number, HistoryOperation>();
  const lines = text.split('\n');
  // What is behind the last line end is empty, or cut off.
  lines.pop();
  for (const [index, line] of lines.entries()) decodeLine(line, index + 1, operations);
  return [...operations.values()];
}

const neverEnded: Ending = { status: 'unknown', returnMs: undefined, code: 'no-answer' };

function decodeLine(line: string, number: number, operations: Map<number, HistoryOperation>): void {
  const damaged = (what: string): EdisError => new EdisError('damaged', `line ${number} of a history ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch (error) {
    throw new EdisError('damaged', `line ${number} of a history is not JSON`, { cause: error });
  }
  if (isCallLine(document)) {
    const { call: id, do: call, session, key, callMs, ack, consistency, maxStalenessMs } = document;
    if (operations.has(id)) throw damaged(`calls operation ${id} again`);
    const operation = { id, session, key, call, callMs, ack, consistency, maxStalenessMs, ending: neverEnded };
    operations.set(id, operation);
  } else if (isEndLine(document)) {
    const operation = operations.get(document.end);
    if (operation === undefined) throw damaged(`ends operation ${document.end}, which was not called`);
    operations.set(document.end, { ...operation, ending: withAbsentFields(document.ending) });
  } else {
    throw damaged('is neither a call nor an ending');
  }
}

type CallLine = Omit<CalledOperation, 'id' | 'call'> & {
  readonly call: number;
  readonly do: HistoryOperation['call'];
};

const callKinds: ReadonlySet<unknown> = new Set([
  'get',
  'put',
  'put-if-absent',
  'put-if-version',
  'delete',
  'delete-if-version',
  'increment',
  'append',
] satisfies HistoryOperation['call']['kind'][]);

/** Checks what would be confused with something else; the rest is as {@link encodeCall} wrote it. */
function isCallLine(document: unknown): document is CallLine {
  return (
    isObject(document) &&
    Number.isSafeInteger(document['call']) &&
    typeof document['session'] === 'string' &&
    typeof document['key'] === 'string' &&
    typeof document['callMs'] === 'number' &&
    isObject(document['do']) &&
    callKinds.has(document['do']['kind'])
  );
}

function isEndLine(document: unknown): document is { readonly end: number; readonly ending: Ending } {
  if (!isObject(document) || !Number.isSafeInteger(document['end']) || !isObject(document['ending'])) return false;
  const { status, returnMs, code, answer } = document['ending'];
  if (status === 'ok') return typeof returnMs === 'number' && isObject(answer) && typeof answer['kind'] === 'string';
  return (status === 'failed' && typeof returnMs === 'number') || (status === 'unknown' && typeof code === 'string');
}

/** JSON leaves out what is undefined; in a history it is there as such. */
function withAbsentFields(ending: Ending): Ending {
  switch (ending.status) {
    case 'ok':
      return { ...ending, place: ending.place };
    case 'unknown':
      return { ...ending, returnMs: ending.returnMs };
    case 'failed':
      return ending;
  }
}
