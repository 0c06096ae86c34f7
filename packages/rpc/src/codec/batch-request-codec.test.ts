import type { BatchRequest, Condition, Operation, SingleWriteOperation } from '@edis/core';
import { limits, noExpiry, unreachable } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { BatchRequestInput } from '../generated/edis/v1/BatchRequest.ts';
import type { ConditionInput } from '../generated/edis/v1/Condition.ts';
import type { OperationInput } from '../generated/edis/v1/Operation.ts';
import { BatchRequestCodec } from './batch-request-codec.ts';
import {
  bufferOf,
  byteString,
  bytes,
  decodeOrRefuse,
  filled,
  metadata,
  position,
  sint64,
  text,
  uint32,
  uint64,
} from './message-fixture.ts';

const requests = new BatchRequestCodec();

// The oracle: the same messages as proto-loader takes them.

const ackNames = { memory: 'ACK_MEMORY', disk: 'ACK_DISK', quorum: 'ACK_QUORUM' } as const;
const consistencyNames = {
  eventual: 'CONSISTENCY_EVENTUAL',
  session: 'CONSISTENCY_SESSION',
  bounded: 'CONSISTENCY_BOUNDED',
  strong: 'CONSISTENCY_STRONG',
} as const;
function conditionToWire(condition: Condition | undefined): ConditionInput | null {
  if (condition === undefined) return null;
  return condition.kind === 'absent' ? { absent: true } : { version: condition.version };
}

function ttlToWire(ttlMs: number): { ttlMs?: number; noExpiry?: boolean } {
  return ttlMs === noExpiry ? { noExpiry: true } : { ttlMs };
}

function writeToWire(operation: SingleWriteOperation): OperationInput {
  const key = bufferOf(operation.key);
  const write = { key, ack: ackNames[operation.ack], condition: conditionToWire(operation.condition) };
  switch (operation.kind) {
    case 'put': {
      const value = bufferOf(operation.value);
      const { expiresAtMs } = operation;
      const life = { ...ttlToWire(operation.ttlMs), expiresAtMs };
      return { put: { ...write, value, metadata: { ...operation.metadata }, ...life } };
    }
    case 'delete':
      return { delete: write };
    case 'increment':
      return { increment: { ...write, by: String(operation.by) } };
    case 'append':
      return { append: { ...write, value: bufferOf(operation.value) } };
    case 'expire':
      return { expire: { ...write, ...ttlToWire(operation.ttlMs) } };
    default:
      return unreachable(operation);
  }
}

function operationToWire(operation: Operation): OperationInput {
  if (operation.kind === 'malformed') return { request: operation.request };
  const { request, keyspace } = operation;
  if (operation.kind === 'get') {
    const { key, after, maxStalenessMs, omitValue } = operation;
    const consistency = consistencyNames[operation.consistency];
    return {
      request,
      keyspace,
      get: { key: bufferOf(key), consistency, after: after ?? null, maxStalenessMs, omitValue },
    };
  }
  if (operation.kind === 'atomic') {
    const [first] = operation.writes;
    const { sequence = 0, firstSentTimestamp = 0 } = first ?? {};
    const writes = operation.writes.map(writeToWire);
    return { request, keyspace, sequence, firstSentTimestamp, atomic: { writes } };
  }
  const { sequence, firstSentTimestamp } = operation;
  return { request, keyspace, sequence, firstSentTimestamp, ...writeToWire(operation) };
}

function requestToWire(request: BatchRequest): BatchRequestInput {
  return { ...request, client: bufferOf(request.client), operations: request.operations.map(operationToWire) };
}

// What decoding makes of a message: short values are byte strings, longer ones Buffers; no metadata is undefined.

function decodedWrite(operation: SingleWriteOperation): SingleWriteOperation {
  if (operation.kind !== 'put' && operation.kind !== 'append') return operation;
  const value = bufferOf(operation.value);
  const short = value.length <= 4096 ? value.toString('latin1') : value;
  return operation.kind === 'append'
    ? { ...operation, value: short }
    : { ...operation, value: short, metadata: filled(operation.metadata) };
}

function decodedOperation(operation: Operation): Operation {
  if (operation.kind === 'get' || operation.kind === 'malformed') return operation;
  if (operation.kind !== 'atomic') return decodedWrite(operation);
  return { ...operation, writes: operation.writes.map(decodedWrite) };
}

const condition: fc.Arbitrary<Condition | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ kind: 'absent' } as const),
  fc.record({ kind: fc.constant('version' as const), version: uint64 }),
);
const ttlMs = fc.oneof(fc.constantFrom(0, noExpiry), uint64);
/** A deadline beside `noExpiry` has no meaning. */
const life = fc.oneof(
  fc.record({ ttlMs, expiresAtMs: fc.constant(0) }),
  fc.record({ ttlMs: uint64, expiresAtMs: uint64 }),
);
const ack = fc.constantFrom('memory', 'disk', 'quorum');
const writeFields = {
  request: uint32,
  keyspace: uint32,
  key: byteString,
  sequence: uint64,
  firstSentTimestamp: uint64,
  ack,
  condition,
} as const;
const singleWrite: fc.Arbitrary<SingleWriteOperation> = fc.oneof(
  fc
    .tuple(fc.record({ kind: fc.constant('put' as const), ...writeFields, value: bytes, metadata }), life)
    .map(([put, lives]) => ({ ...put, ...lives })),
  fc.record({ kind: fc.constant('delete' as const), ...writeFields }),
  fc.record({ kind: fc.constant('increment' as const), ...writeFields, by: sint64 }),
  fc.record({ kind: fc.constant('append' as const), ...writeFields, value: bytes }),
  fc.record({ kind: fc.constant('expire' as const), ...writeFields, ttlMs }),
);
const atomic: fc.Arbitrary<Operation> = fc
  .record({
    request: uint32,
    keyspace: uint32,
    sequence: fc.oneof(fc.constant(0), fc.nat(2 ** 31 - 1)),
    firstSentTimestamp: uint64,
    ack,
    singles: fc.array(singleWrite, { minLength: 1, maxLength: 5 }),
  })
  .map(({ singles, request, keyspace, sequence, ...shared }) => {
    const writes = singles.map((write, index) => ({
      ...write,
      ...shared,
      keyspace,
      request: index,
      sequence: sequence === 0 ? 0 : sequence + index,
    }));
    return { kind: 'atomic', request, keyspace, key: writes[0]?.key ?? '', writes };
  });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  singleWrite,
  atomic,
  fc.record({
    kind: fc.constant('get' as const),
    request: uint32,
    keyspace: uint32,
    key: byteString,
    consistency: fc.constantFrom('eventual', 'session', 'bounded', 'strong'),
    after: fc.option(position, { nil: undefined }),
    maxStalenessMs: uint32,
    omitValue: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('malformed' as const), request: uint32 }),
);
const batchRequest: fc.Arbitrary<BatchRequest> = fc.record({
  revision: uint64,
  epoch: uint64,
  client: byteString,
  completedBelow: uint64,
  shard: text,
  operations: fc.array(operation, { maxLength: 8 }),
});

const emptyBatch = { revision: 0, epoch: 0, client: '', completedBelow: 0, shard: '' };

describe('the hand-made codec of batch requests', () => {
  it('writes what proto-loader reads as the same message', () => {
    fc.assert(
      fc.property(batchRequest, (request) => {
        const { deserialize, serialize } = contract.BatchRequest;
        expect(deserialize(requests.encode(request))).toEqual(deserialize(serialize(requestToWire(request))));
      }),
      { numRuns: 300 },
    );
  });

  it('reads what proto-loader writes', () => {
    fc.assert(
      fc.property(batchRequest, (request) => {
        const decoded = requests.decode(contract.BatchRequest.serialize(requestToWire(request)));
        expect(decoded).toEqual({ ...request, operations: request.operations.map(decodedOperation) });
      }),
      { numRuns: 300 },
    );
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(batchRequest, (request) => {
        const decoded = requests.decode(requests.encode(request));
        expect(decoded).toEqual({ ...request, operations: request.operations.map(decodedOperation) });
      }),
      { numRuns: 300 },
    );
  });

  it('answers random and damaged bytes with a message or EdisError protocol, never otherwise', () => {
    fc.assert(
      fc.property(batchRequest, fc.nat(), fc.nat(255), (request, at, byte) => {
        const input = requests.encode(request);
        if (input.length > 0) input[at % input.length] = byte;
        const cut = input.subarray(0, at % (input.length + 1));
        expect(['decoded', 'refused']).toContain(decodeOrRefuse((damaged) => requests.decode(damaged), input));
        expect(['decoded', 'refused']).toContain(decodeOrRefuse((damaged) => requests.decode(damaged), cut));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const result = decodeOrRefuse((input) => requests.decode(input), Buffer.from(random));
        expect(['decoded', 'refused']).toContain(result);
      }),
      { numRuns: 2000 },
    );
  });

  it('makes a malformed operation of one without a variant, with an unknown enum value, or with absent: false', () => {
    const withoutVariant = Buffer.from([0x2a, 2, 0x08, 7]);
    const unknownAck = Buffer.from([0x2a, 9, 0x08, 7, 0x32, 5, 0x0a, 1, 0x61, 0x10, 9]);
    const absentFalse = Buffer.from([0x2a, 11, 0x08, 7, 0x32, 7, 0x0a, 1, 0x61, 0x1a, 2, 0x08, 0]);
    for (const input of [withoutVariant, unknownAck, absentFalse]) {
      expect(requests.decode(input).operations).toEqual([{ kind: 'malformed', request: 7 }]);
    }
  });

  it('lets the last of several variants win', () => {
    const putThenGet = Buffer.from([0x2a, 10, 0x2a, 3, 0x0a, 1, 0x61, 0x3a, 3, 0x0a, 1, 0x62]);
    expect(requests.decode(putThenGet).operations).toMatchObject([{ kind: 'get', key: 'b' }]);
  });

  it('skips unknown fields of every wire type', () => {
    const unknown = Buffer.from([
      ...[0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      ...[0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
      ...[0x9a, 0x06, 2, 1, 2],
      ...[0x9b, 0x06, 0x08, 1, 0x9c, 0x06],
      ...[0x9d, 0x06, 1, 2, 3, 4],
    ]);
    expect(requests.decode(Buffer.concat([unknown, Buffer.from([0x08, 9]), unknown])).revision).toBe(9);
  });

  it('keeps a metadata field named __proto__', () => {
    const metadataEntry = Buffer.concat([
      Buffer.from([0x0a, 9]),
      Buffer.from('__proto__'),
      Buffer.from([0x12, 1, 0x78]),
    ]);
    const put = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x1a, metadataEntry.length]), metadataEntry]);
    const input = Buffer.concat([Buffer.from([0x2a, put.length + 2, 0x2a, put.length]), put]);
    const [decoded] = requests.decode(input).operations;
    expect(decoded?.kind === 'put' && Object.entries(decoded.metadata ?? {})).toEqual([['__proto__', 'x']]);
  });

  it.each([
    ['a length over the end', [0x2a, 5, 0x08]],
    ['a cut varint', [0x08, 0x80]],
    ['a varint above 2^53 - 1', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['an endless varint', [0x08, ...Array.from({ length: 11 }, () => 0x80)]],
    ['field number 0', [0x00, 0x00]],
    ['a request number above 32 bits', [0x2a, 6, 0x08, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['an unfinished group', [0x9b, 0x06, 0x08, 1]],
    ['deeply nested groups', Array.from({ length: 64 }, () => 0x0b)],
    ['wire type 7', [0x0f, 1]],
  ])('refuses %s', (_what, input) => {
    expect(() => requests.decode(Buffer.from(input))).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  it('gives the writes of an atomic batch their index, and all else that the operation holding them has', () => {
    const write = { request: 9, keyspace: 9, key: 'a', sequence: 9, firstSentTimestamp: 9, condition: undefined };
    const batch = {
      ...emptyBatch,
      operations: [
        {
          kind: 'atomic',
          request: 3,
          keyspace: 2,
          key: 'a',
          writes: [
            { ...write, kind: 'delete', sequence: 40, firstSentTimestamp: 7, ack: 'quorum' },
            { ...write, kind: 'increment', key: 'b', by: -1n, ack: 'memory' },
          ],
        },
      ],
    } as const satisfies BatchRequest;
    const shared = { keyspace: 2, firstSentTimestamp: 7, ack: 'quorum' };
    expect(requests.decode(requests.encode(batch)).operations).toMatchObject([
      {
        kind: 'atomic',
        key: 'a',
        writes: [
          { kind: 'delete', key: 'a', request: 0, sequence: 40, ...shared },
          { kind: 'increment', key: 'b', request: 1, sequence: 41, by: -1n, ...shared },
        ],
      },
    ]);
  });

  it.each([
    ['no writes', []],
    ['a read', [{ get: { key: Buffer.from('k') } }]],
    ['another batch', [{ atomic: { writes: [{ delete: { key: Buffer.from('k') } }] } }]],
    ['a write without a variant', [{ delete: { key: Buffer.from('k') } }, {}]],
    ['too many writes', Array.from({ length: 1025 }, () => ({ delete: { key: Buffer.from('k') } }))],
  ])('makes a malformed operation of an atomic batch with %s', (_what, writes) => {
    const input = contract.BatchRequest.serialize({ operations: [{ request: 7, atomic: { writes } }] });
    expect(requests.decode(input).operations).toEqual([{ kind: 'malformed', request: 7 }]);
  });

  it('makes a malformed operation of a TTL or deadline beside no_expiry', () => {
    const both = { key: Buffer.from('k'), ttlMs: 5, noExpiry: true };
    const operations = [
      { request: 1, put: both },
      { request: 2, expire: both },
      { request: 3, put: { key: Buffer.from('k'), expiresAtMs: 5, noExpiry: true } },
    ];
    expect(requests.decode(contract.BatchRequest.serialize({ operations })).operations).toEqual([
      { kind: 'malformed', request: 1 },
      { kind: 'malformed', request: 2 },
      { kind: 'malformed', request: 3 },
    ]);
  });

  it('refuses an integer of more than 64 bits', () => {
    const by = [0x10, ...Array.from({ length: 9 }, () => 0xff), 0x02];
    const input = Buffer.from([0x2a, by.length + 2, 0x42, by.length, ...by]);
    expect(() => requests.decode(input)).toThrow('64 bits');
  });

  it('refuses more operations than a batch may have before it has made them', () => {
    const input = Buffer.alloc((limits.maxBatchOperations + 1) * 2);
    for (let at = 0; at < input.length; at += 2) input[at] = 0x2a;
    expect(() => requests.decode(input)).toThrow(`more than ${limits.maxBatchOperations} operations`);
  });
});
