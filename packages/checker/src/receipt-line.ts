/** Reads receipts, the files in which a member writes what it discards: NDJSON, one write a line. */
import { EdisError } from '@edis/core';
import { isObject } from './json-object.ts';
import type { LostWrite } from './loss.ts';

export interface ReceiptWrite extends LostWrite {
  /** Number of the keyspace. */
  readonly keyspace: number;
  readonly epoch: number;
  readonly position: number;
}

/** Writes of one receipt; throws 'damaged' for what is none. A last line that was cut off by a crash is left out. */
export function parseReceipt(text: string): ReceiptWrite[] {
  const lines = text.split('\n');
  // What is behind the last line end is empty, or cut off.
  lines.pop();
  return lines.map((line, index) => parseLine(line, index + 1));
}

function parseLine(line: string, number: number): ReceiptWrite {
  const damaged = (what: string): EdisError => new EdisError('damaged', `line ${number} of a receipt ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch (error) {
    throw new EdisError('damaged', `line ${number} of a receipt is not JSON`, { cause: error });
  }
  if (!isObject(document)) throw damaged('is no object');
  const { kind, keyspace, version, epoch, position } = document;
  if (!isCount(keyspace) || !isCount(version) || !isCount(epoch) || !isCount(position)) throw damaged('lacks a number');
  const key = textOf(document['key']);
  const value = kind === 'put' ? textOf(document['value']) : undefined;
  if (key === undefined || (kind === 'put' && value === undefined)) throw damaged('lacks its key or value');
  return { key, value, version, keyspace, epoch, position };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

/** Text, or bytes that are none as `{"base64": …}`. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!isObject(value) || typeof value['base64'] !== 'string') return undefined;
  return Buffer.from(value['base64'], 'base64').toString('latin1');
}
