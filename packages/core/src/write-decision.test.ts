import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Bytes } from './bytes.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import { limits } from './limits.ts';
import type { Condition, Outcome, PutOperation, SingleWriteOperation } from './operation.ts';
import { noExpiry } from './operation.ts';
import type { PresentRecord } from './write-decision.ts';
import { decideWrite, isDecided, outcomeOfUnwritten, outcomeOfWrite } from './write-decision.ts';

const base = {
  request: 1,
  keyspace: 0,
  key: 'k',
  sequence: 0,
  firstSentTimestamp: 0,
  ack: 'disk',
  condition: undefined,
} as const;
const nowMs = 1_700_000_000_000;

function recordOf(value: Bytes, change: Partial<PresentRecord> = {}): PresentRecord {
  return { value, metadata: { a: '1' }, version: 7, expiresAtMs: 0, ...change };
}

function put(ttlMs: number, expiresAtMs = 0): PutOperation {
  return { ...base, kind: 'put', value: 'v', metadata: undefined, ttlMs, expiresAtMs };
}

const increment = (by: bigint): SingleWriteOperation => ({ ...base, kind: 'increment', by });
const append = (value: Bytes): SingleWriteOperation => ({ ...base, kind: 'append', value });
const expire = (ttlMs: number): SingleWriteOperation => ({ ...base, kind: 'expire', ttlMs });

const withTtl: KeyspaceSettings = { ...defaultKeyspaceSettings, defaultTtlMs: 500 };

describe('a deadline', () => {
  test.each([
    ['of a put without TTL is that of its keyspace', put(0), undefined, nowMs + 500],
    ['of a put with a TTL is its own', put(20), undefined, nowMs + 20],
    ['is none when a put says so', put(noExpiry), undefined, 0],
    ['that a put names is taken as it is', put(0, nowMs + 7), undefined, nowMs + 7],
    ['of a record that an increment makes is that of its keyspace', increment(1n), undefined, nowMs + 500],
    ['of a record that an append makes is that of its keyspace', append('x'), undefined, nowMs + 500],
    ['stays when a value is added to', increment(1n), recordOf('1', { expiresAtMs: nowMs + 3 }), nowMs + 3],
    ['stays none when a value is appended to', append('x'), recordOf('1'), 0],
    ['goes when expire says so', expire(noExpiry), recordOf('1', { expiresAtMs: nowMs + 3 }), 0],
    ['is moved by expire', expire(9), recordOf('1', { expiresAtMs: nowMs + 3 }), nowMs + 9],
  ])('%s', (_title, operation, record, expiresAtMs) => {
    expect(decideWrite(operation, record, nowMs, withTtl)).toMatchObject({ kind: 'put', expiresAtMs });
  });

  test.each([
    ['has passed', nowMs, 'deadline-passed'],
    ['is more than 100 years ahead', nowMs + limits.maxTtlMs + 1, 'ttl-out-of-range'],
  ])('that a put names and that %s is refused', (_title, deadlineMs, cause) => {
    const decision = decideWrite(put(0, deadlineMs), undefined, nowMs, withTtl);
    expect(decision).toMatchObject({ kind: 'invalid', fault: { cause } });
  });

  test('that has come hides the record from every write', () => {
    const gone = recordOf('41', { expiresAtMs: nowMs });
    const decide = (operation: SingleWriteOperation) => decideWrite(operation, gone, nowMs, defaultKeyspaceSettings);
    expect(decide(increment(1n))).toMatchObject({ value: '1', metadata: undefined, expiresAtMs: 0 });
    expect(decide(append('x'))).toMatchObject({ value: 'x', metadata: undefined });
    expect(decide(expire(5))).toEqual({ kind: 'not-found' });
    expect(decide({ ...base, kind: 'delete' })).toEqual({ kind: 'deleted-nothing' });
    const conditional = (condition: Condition): SingleWriteOperation => ({ ...base, kind: 'delete', condition });
    expect(decide(conditional({ kind: 'version', version: 7 }))).toEqual({ kind: 'condition-failed', version: 0 });
    expect(decide(conditional({ kind: 'absent' }))).toEqual({ kind: 'deleted-nothing' });
  });
});

describe('an increment', () => {
  test.each(['', '1.5', ' 1', '+1', '0x1', 'one', '1e3', '-', '9223372036854775808', '1'.repeat(40)])(
    'of %j is refused as no integer',
    (value) => {
      const decision = decideWrite(increment(1n), recordOf(value), nowMs, defaultKeyspaceSettings);
      expect(decision).toMatchObject({ kind: 'invalid', fault: { cause: 'not-an-integer' } });
    },
  );

  test.each([
    [2n ** 63n - 1n, 1n],
    [-(2n ** 63n), -1n],
  ])('of %s by %s is refused, and one step before is not', (value, by) => {
    const decide = (from: bigint) =>
      decideWrite(increment(by), recordOf(from.toString()), nowMs, defaultKeyspaceSettings);
    expect(decide(value)).toMatchObject({ kind: 'invalid', fault: { cause: 'integer-overflow' } });
    expect(decide(value - by)).toMatchObject({ kind: 'put', answer: value });
  });

  test('reads bytes like text', () => {
    const bytes = new TextEncoder().encode('-41');
    const decision = decideWrite(increment(-1n), recordOf(bytes), nowMs, defaultKeyspaceSettings);
    expect(decision).toMatchObject({ value: '-42', answer: -42n, metadata: { a: '1' } });
  });
});

describe('the settings of a keyspace', () => {
  const narrow: KeyspaceSettings = {
    ...defaultKeyspaceSettings,
    maxKeyBytes: 2,
    maxValueBytes: 3,
    indexedFields: [
      { field: 'age', kind: 'number' },
      { field: 'name', kind: 'text' },
    ],
  };

  test.each([
    ['a longer key', { ...put(0), key: 'abc' }, undefined, 'key-too-large', '2'],
    ['a longer value', { ...put(0), value: 'abcd' }, undefined, 'value-too-large', '3'],
    ['an append beyond the limit', append('cd'), recordOf('ab'), 'value-too-large', '3'],
    ['an increment beyond the limit', increment(1n), recordOf('999'), 'value-too-large', '3'],
    ['text in a field of numbers', { ...put(0), metadata: { age: 'old' } }, undefined, 'not-a-number', '"age"'],
  ])('refuse %s and name the limit', (_title, operation, record, cause, limit) => {
    const decision = decideWrite(operation, record, nowMs, narrow);
    expect(decision).toMatchObject({ kind: 'invalid', fault: { cause, message: expect.stringContaining(limit) } });
  });

  test('let numbers and absent fields through', () => {
    for (const metadata of [{ age: '-1.5e3', name: 'x' }, { name: '7' }, undefined]) {
      expect(decideWrite({ ...put(0), metadata }, undefined, nowMs, narrow).kind).toBe('put');
    }
  });
});

test('an append never makes a value above the limit of all values', () => {
  const full = recordOf(new Uint8Array(limits.maxValueBytes));
  expect(decideWrite(append('x'), full, nowMs, defaultKeyspaceSettings)).toMatchObject({ kind: 'invalid' });
  expect(decideWrite(append(''), full, nowMs, defaultKeyspaceSettings)).toMatchObject({ kind: 'put' });
});

/** What a record is, in the plainest terms. */
interface ModelRecord {
  bytes: number[];
  metadata: string;
  deadline: number | undefined;
  version: number;
}

class Model {
  record: ModelRecord | undefined;
  readonly #ttlMs: number;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  apply(write: SingleWriteOperation, now: number, version: number): string {
    const record = this.record?.deadline !== undefined && this.record.deadline <= now ? undefined : this.record;
    const { condition } = write;
    if (condition?.kind === 'absent' && record !== undefined) return `failed ${record.version}`;
    if (condition?.kind === 'version' && record?.version !== condition.version) return `failed ${record?.version ?? 0}`;
    const fresh = this.#ttlMs > 0 ? now + this.#ttlMs : undefined;
    switch (write.kind) {
      case 'put': {
        if (write.expiresAtMs !== 0 && write.expiresAtMs <= now) return 'deadline-passed';
        const own = write.ttlMs === noExpiry ? undefined : now + write.ttlMs;
        const deadline = write.expiresAtMs === 0 ? (write.ttlMs === 0 ? fresh : own) : write.expiresAtMs;
        const metadata = metadataText(write.metadata);
        this.record = { bytes: bytesOf(write.value), metadata, deadline, version };
        return `put ${version}`;
      }
      case 'delete':
        if (record === undefined) return 'nothing';
        this.record = undefined;
        return `deleted ${version}`;
      case 'increment': {
        const text = record === undefined ? '0' : String.fromCharCode(...record.bytes);
        if (!/^-?\d{1,19}$/.test(text)) return 'not-an-integer';
        const sum = BigInt(text) + write.by;
        if (sum >= 2n ** 63n || sum < -(2n ** 63n)) return 'integer-overflow';
        this.record = { ...(record ?? { metadata: '', deadline: fresh }), bytes: bytesOf(`${sum}`), version };
        return `sum ${sum} ${version}`;
      }
      case 'append': {
        const bytes = [...(record?.bytes ?? []), ...bytesOf(write.value)];
        this.record = { ...(record ?? { metadata: '', deadline: fresh }), bytes, version };
        return `length ${bytes.length} ${version}`;
      }
      case 'expire': {
        if (record === undefined) return 'not-found';
        const deadline = write.ttlMs === noExpiry ? undefined : now + write.ttlMs;
        this.record = { ...record, deadline, version };
        return `expires ${deadline ?? 0} ${version}`;
      }
    }
  }
}

function bytesOf(value: Bytes): number[] {
  return typeof value === 'string' ? Array.from(value, (char) => char.charCodeAt(0)) : Array.from(value);
}

function metadataText(metadata: PresentRecord['metadata']): string {
  return metadata === undefined ? '' : JSON.stringify(metadata);
}

function told(outcome: Outcome): string {
  const { kind } = outcome;
  if (kind === 'put') return `put ${outcome.version}`;
  if (kind === 'deleted') return outcome.existed ? `deleted ${outcome.version}` : 'nothing';
  if (kind === 'incremented') return `sum ${outcome.value} ${outcome.version}`;
  if (kind === 'appended') return `length ${outcome.length} ${outcome.version}`;
  if (kind === 'expiring') return `expires ${outcome.expiresAtMs} ${outcome.version}`;
  if (kind === 'condition-failed') return `failed ${outcome.version}`;
  return kind === 'invalid' ? outcome.cause : kind;
}

const values = fc.oneof(
  fc.constantFrom<Bytes>('', '0', '-7', '9223372036854775807', 'text', 'ÿ'),
  fc.uint8Array({ maxLength: 4 }),
);
const ttls = fc.constantFrom(noExpiry, 1, 10, 100);
const conditions = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant<Condition>({ kind: 'absent' }) },
  { weight: 1, arbitrary: fc.nat(20).map((version): Condition => ({ kind: 'version', version })) },
);
const writes: fc.Arbitrary<SingleWriteOperation> = fc
  .tuple(
    conditions,
    fc.oneof(
      fc.record({
        kind: fc.constant('put' as const),
        value: values,
        metadata: fc.constantFrom(undefined, { a: '1' }),
        ttlMs: fc.oneof(ttls, fc.constant(0)),
        expiresAtMs: fc.constant(0),
      }),
      fc.record({
        kind: fc.constant('put' as const),
        value: values,
        metadata: fc.constant(undefined),
        ttlMs: fc.constant(0),
        expiresAtMs: fc.integer({ min: nowMs + 1, max: nowMs + 200 }),
      }),
      fc.constant({ kind: 'delete' as const }),
      fc.record({
        kind: fc.constant('increment' as const),
        by: fc.oneof(fc.bigInt({ min: -5n, max: 5n }), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n))),
      }),
      fc.record({ kind: fc.constant('append' as const), value: values }),
      fc.record({ kind: fc.constant('expire' as const), ttlMs: ttls }),
    ),
  )
  .map(([condition, write]) => ({ ...base, condition, ...write }));

test('any history of writes of one key goes as in a plain model', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(writes, fc.constantFrom(0, 1, 9, 50)), { maxLength: 25 }),
      fc.constantFrom(0, 30),
      (history, defaultTtlMs) => {
        const settings = { ...defaultKeyspaceSettings, defaultTtlMs };
        const model = new Model(defaultTtlMs);
        let record: PresentRecord | undefined;
        let now = nowMs;
        let version = 0;
        for (const [write, elapsedMs] of history) {
          now += elapsedMs;
          version += 1;
          const decision = decideWrite(write, record, now, settings);
          let outcome: Outcome;
          if (isDecided(decision)) {
            outcome = outcomeOfWrite(decision, version, 1);
            record = decision.kind === 'put' ? { ...decision, version } : undefined;
          } else {
            outcome = outcomeOfUnwritten(decision, 1);
          }
          expect(told(outcome)).toBe(model.apply(write, now, version));
          expect(record && { ...record, bytes: bytesOf(record.value) }).toEqual(
            model.record && expect.objectContaining({ bytes: model.record.bytes, version: model.record.version }),
          );
          expect(record?.expiresAtMs ?? 0).toBe(model.record?.deadline ?? 0);
          expect(record && metadataText(record.metadata)).toBe(model.record?.metadata);
        }
      },
    ),
    { numRuns: 500 },
  );
});
