import type { ByteString, IndexKind } from '@edis/core';
import { EdisError } from '@edis/core';
import { fieldPrefix, indexedNumberOf, orderedNumber, orderedPrefix, orderedText } from './index-row.ts';
import type { IndexRange } from './view-reader.ts';

/** The rows of the index that a range of a field's values is. */
export interface IndexBounds {
  /** Inclusive. */
  readonly from: Buffer;
  /** Exclusive. */
  readonly to: Buffer;
  /** Bytes before the value. */
  readonly prefixLength: number;
}

/** EdisError 'invalid-argument' when the range has no meaning for the field. */
export function indexBoundsOf(keyspace: number, field: string, kind: IndexKind, range: IndexRange): IndexBounds {
  const prefix = fieldPrefix(keyspace, field);
  const ordered = (value: string): Buffer => Buffer.concat([prefix, orderedValue(field, kind, value)]);
  let from = prefix;
  let to = rowsBehind(prefix);
  const raise = (bound: Buffer): void => {
    if (bound.compare(from) > 0) from = bound;
  };
  const lower = (bound: Buffer): void => {
    if (bound.compare(to) < 0) to = bound;
  };
  if (range.equals !== undefined) {
    raise(ordered(range.equals));
    lower(rowsBehind(ordered(range.equals)));
  }
  if (range.prefix !== undefined) {
    if (kind === 'number') {
      const advice = `field ${JSON.stringify(field)} is indexed as a number: it has no prefixes; ask for a range`;
      throw new EdisError('invalid-argument', advice);
    }
    const beginning = Buffer.concat([prefix, orderedPrefix(range.prefix)]);
    raise(beginning);
    lower(rowsBehind(beginning));
  }
  if (range.from !== undefined) {
    const bound = ordered(range.from.value);
    raise(range.from.inclusive ? bound : rowsBehind(bound));
  }
  if (range.to !== undefined) {
    const bound = ordered(range.to.value);
    lower(range.to.inclusive ? rowsBehind(bound) : bound);
  }
  if (range.after !== undefined) {
    const { value, key } = range.after;
    raise(Buffer.concat([ordered(value), Buffer.from(key, 'latin1'), Buffer.of(0)]));
  }
  return { from, to, prefixLength: prefix.length };
}

/** The key of the row that a record with this value has. */
export function indexRowKey(
  keyspace: number,
  field: string,
  kind: IndexKind,
  value: string,
): (key: ByteString) => Buffer {
  const head = Buffer.concat([fieldPrefix(keyspace, field), orderedValue(field, kind, value)]);
  return (key) => Buffer.concat([head, Buffer.from(key, 'latin1')]);
}

function orderedValue(field: string, kind: IndexKind, value: string): Buffer {
  if (kind === 'text') return orderedText(value);
  const number = indexedNumberOf(value);
  if (number === undefined) {
    const what = `field ${JSON.stringify(field)} is indexed as a number, but ${JSON.stringify(value)} is none`;
    throw new EdisError('invalid-argument', `${what}; give decimal digits`);
  }
  return orderedNumber(number);
}

/** The first of the rows that are above all that begin so. */
export function rowsBehind(prefix: Buffer): Buffer {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end--;
  const behind = Buffer.from(prefix.subarray(0, end));
  behind[end - 1] = (behind[end - 1] ?? 0) + 1;
  return behind;
}
