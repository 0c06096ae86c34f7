import type { DriverMessage, Measurement, TargetAddress, Work } from './work.ts';

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

export function parseWork(message: unknown): Work {
  const fields = fieldsOf(message, 'a work order');
  const kind = fields['kind'];
  if (kind === 'close') return { kind };
  if (kind === 'load') return { kind, callers: numberOf(fields, 'callers'), keys: numberOf(fields, 'keys') };
  if (kind !== 'loop') throw new Error(`unknown work ${String(kind)}`);
  return {
    kind,
    verb: fields['verb'] === 'get' ? 'get' : 'put',
    durability: fields['durability'] === 'disk' ? 'disk' : 'memory',
    callers: numberOf(fields, 'callers'),
    keys: numberOf(fields, 'keys'),
    durationMs: numberOf(fields, 'durationMs'),
  };
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
    ? ['edis', address.info]
    : ['redis', String(address.memoryPort), String(address.diskPort)];
}

export function parseTargetAddress(words: readonly string[]): TargetAddress {
  const [kind, first, second] = words;
  if (kind === 'edis' && first !== undefined) return { kind, info: first };
  if (kind === 'redis') return { kind, memoryPort: Number(first), diskPort: Number(second) };
  throw new Error(`not a target: ${words.join(' ')}`);
}
