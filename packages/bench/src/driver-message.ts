import type { DriverMessage, Measurement, TargetAddress, Work } from './work.ts';
import { durabilities, mixNames, verbs } from './work.ts';

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new Error(`${what} is not an object`);
  return value;
}

function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`${name} is not a number`);
  return value;
}

function wordOf<Word extends string>(fields: Fields, name: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === fields[name]);
  if (word === undefined) throw new Error(`${name} is ${String(fields[name])}, not one of ${words.join(', ')}`);
  return word;
}

const kinds = ['close', 'settle', 'load', 'loop', 'mix', 'paced', 'scan', 'search', 'feed'] as const;

export function parseWork(message: unknown): Work {
  const fields = fieldsOf(message, 'a work order');
  const kind = wordOf(fields, 'kind', kinds);
  if (kind === 'close' || kind === 'settle') return { kind };
  if (kind === 'feed') return { kind, act: wordOf(fields, 'act', ['begin', 'mark', 'end']) };
  const keys = numberOf(fields, 'keys');
  if (kind === 'scan') return { kind, keys };
  if (kind === 'load') {
    return { kind, callers: numberOf(fields, 'callers'), keys, metadata: fields['metadata'] === true };
  }
  const durationMs = numberOf(fields, 'durationMs');
  if (kind === 'paced') return { kind, ratePerSecond: numberOf(fields, 'ratePerSecond'), keys, durationMs };
  if (kind === 'search') return { kind, fields: fields['fields'] === 2 ? 2 : 1, keys, durationMs };
  const callers = numberOf(fields, 'callers');
  if (kind === 'mix') return { kind, mix: wordOf(fields, 'mix', mixNames), callers, keys, durationMs };
  const verb = wordOf(fields, 'verb', verbs);
  const durability = wordOf(fields, 'durability', durabilities);
  return { kind, verb, durability, callers, keys, durationMs };
}

function parseMeasurement(value: unknown): Measurement {
  const fields = fieldsOf(value, 'a measurement');
  return {
    operations: numberOf(fields, 'operations'),
    opsPerSecond: numberOf(fields, 'opsPerSecond'),
    p50Ms: numberOf(fields, 'p50Ms'),
    p99Ms: numberOf(fields, 'p99Ms'),
  };
}

export function parseDriverMessage(message: unknown): DriverMessage {
  const fields = fieldsOf(message, 'a driver message');
  if (fields['kind'] === 'ready') return { kind: 'ready' };
  if (fields['kind'] === 'done') return { kind: 'done', measurement: parseMeasurement(fields['measurement']) };
  return { kind: 'failed', message: String(fields['message']) };
}

export function formatTargetAddress(address: TargetAddress): readonly string[] {
  return address.kind === 'edis'
    ? ['edis', address.info, String(address.clients)]
    : [address.kind, String(address.memoryPort), String(address.diskPort)];
}

export function parseTargetAddress(words: readonly string[]): TargetAddress {
  const [kind, first, second] = words;
  if (kind === 'edis' && first !== undefined) return { kind, info: first, clients: Number(second) };
  if (kind === 'redis' || kind === 'redis-cluster') {
    return { kind, memoryPort: Number(first), diskPort: Number(second) };
  }
  throw new Error(`not a target: ${words.join(' ')}`);
}
