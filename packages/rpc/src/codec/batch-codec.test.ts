import type { BatchRequest, BatchResponse, Bytes, Condition, Operation, Outcome, Result, Topology } from '@edis/core';
import { EdisError, limits, unreachable } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { BatchRequestInput } from '../generated/edis/v1/BatchRequest.ts';
import type { BatchResponseInput } from '../generated/edis/v1/BatchResponse.ts';
import type { ConditionInput } from '../generated/edis/v1/Condition.ts';
import type { OperationInput } from '../generated/edis/v1/Operation.ts';
import type { ResultInput } from '../generated/edis/v1/Result.ts';
import { BatchRequestCodec } from './batch-request-codec.ts';
import { BatchResponseCodec } from './batch-response-codec.ts';
import { memberRoleToWire, topologyCodec, topologyToWire } from './topology-codec.ts';

const requests = new BatchRequestCodec();
const responses = new BatchResponseCodec(topologyCodec);

function bufferOf(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
}

// The oracle: the same messages as proto-loader takes them.

const ackNames = { memory: 'ACK_MEMORY', disk: 'ACK_DISK', quorum: 'ACK_QUORUM' } as const;
const consistencyNames = {
  eventual: 'CONSISTENCY_EVENTUAL',
  session: 'CONSISTENCY_SESSION',
  bounded: 'CONSISTENCY_BOUNDED',
  strong: 'CONSISTENCY_STRONG',
} as const;
const busyNames = {
  'queue-operations': 'BUSY_CAUSE_QUEUE_OPERATIONS',
  'queue-bytes': 'BUSY_CAUSE_QUEUE_BYTES',
  overlay: 'BUSY_CAUSE_OVERLAY',
  clients: 'BUSY_CAUSE_CLIENTS',
} as const;
const invalidNames = {
  'key-empty': 'INVALID_CAUSE_KEY_EMPTY',
  'key-too-large': 'INVALID_CAUSE_KEY_TOO_LARGE',
  'value-too-large': 'INVALID_CAUSE_VALUE_TOO_LARGE',
  'metadata-too-large': 'INVALID_CAUSE_METADATA_TOO_LARGE',
  'no-such-keyspace': 'INVALID_CAUSE_NO_SUCH_KEYSPACE',
  malformed: 'INVALID_CAUSE_MALFORMED',
} as const;

function conditionToWire(condition: Condition | undefined): ConditionInput | null {
  if (condition === undefined) return null;
  return condition.kind === 'absent' ? { absent: true } : { version: condition.version };
}

function operationToWire(operation: Operation): OperationInput {
  if (operation.kind === 'malformed') return { request: operation.request };
  const { request, keyspace } = operation;
  const key = bufferOf(operation.key);
  if (operation.kind === 'get') {
    const { after, maxStalenessMs, omitValue } = operation;
    const consistency = consistencyNames[operation.consistency];
    return { request, keyspace, get: { key, consistency, after: after ?? null, maxStalenessMs, omitValue } };
  }
  const { sequence, firstSentTimestamp } = operation;
  const base = { request, keyspace, sequence, firstSentTimestamp };
  const write = { key, ack: ackNames[operation.ack], condition: conditionToWire(operation.condition) };
  if (operation.kind === 'delete') return { ...base, delete: write };
  return { ...base, put: { ...write, value: bufferOf(operation.value), metadata: { ...operation.metadata } } };
}

function requestToWire(request: BatchRequest): BatchRequestInput {
  return { ...request, client: bufferOf(request.client), operations: request.operations.map(operationToWire) };
}

function outcomeToWire(outcome: Outcome): ResultInput {
  switch (outcome.kind) {
    case 'put':
      return { put: outcome };
    case 'deleted':
      return { deleted: outcome };
    case 'found':
      return { found: { ...outcome, value: bufferOf(outcome.value), metadata: { ...outcome.metadata } } };
    case 'not-found':
      return { notFound: outcome };
    case 'condition-failed':
      return { conditionFailed: outcome };
    case 'wrong-shard':
      return { wrongShard: { topology: outcome.topology === undefined ? null : topologyToWire(outcome.topology) } };
    case 'not-primary':
      return { notPrimary: outcome };
    case 'busy':
      return { busy: { cause: busyNames[outcome.cause], retryAfterMs: outcome.retryAfterMs } };
    case 'too-stale':
      return { tooStale: outcome };
    case 'invalid':
      return { invalid: { cause: invalidNames[outcome.cause], message: outcome.message } };
    case 'too-old':
      return { tooOld: outcome };
    case 'no-quorum':
      return { noQuorum: outcome };
    case 'unavailable':
      return { unavailable: outcome };
    default:
      return unreachable(outcome);
  }
}

function responseToWire(response: BatchResponse): BatchResponseInput {
  const { results, role, ...rest } = response;
  return {
    ...rest,
    role: role === undefined ? 'MEMBER_ROLE_UNSPECIFIED' : memberRoleToWire(role),
    results: results.map(({ request, outcome }) => ({ request, ...outcomeToWire(outcome) })),
  };
}

// What decoding makes of a message: short values of a request are byte strings, other bytes Buffers; no metadata is
// undefined.

function decodedOperation(operation: Operation): Operation {
  if (operation.kind !== 'put') return operation;
  const value = bufferOf(operation.value);
  const isShort = value.length <= 4096;
  return { ...operation, value: isShort ? value.toString('latin1') : value, metadata: filled(operation.metadata) };
}

function decodedResult({ request, outcome }: Result): Result {
  if (outcome.kind !== 'found') return { request, outcome };
  return { request, outcome: { ...outcome, value: bufferOf(outcome.value), metadata: filled(outcome.metadata) } };
}

function filled<T extends object>(metadata: T | undefined): T | undefined {
  return metadata === undefined || Object.keys(metadata).length === 0 ? undefined : metadata;
}

// Arbitrary messages.

const uint32 = fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 0xffff_ffff }));
const uint64 = fc.oneof(fc.nat(200), fc.maxSafeNat());
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const byteString = fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const bytes: fc.Arbitrary<Bytes> = fc.oneof(
  byteString,
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
);
const metadata = fc.option(fc.dictionary(text, text, { maxKeys: 5 }), { nil: undefined });
const position = fc.record({ epoch: uint64, position: uint64 });
const condition: fc.Arbitrary<Condition | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ kind: 'absent' } as const),
  fc.record({ kind: fc.constant('version' as const), version: uint64 }),
);
const writeFields = {
  request: uint32,
  keyspace: uint32,
  key: byteString,
  sequence: uint64,
  firstSentTimestamp: uint64,
  ack: fc.constantFrom('memory', 'disk', 'quorum'),
  condition,
} as const;
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), ...writeFields, value: bytes, metadata }),
  fc.record({ kind: fc.constant('delete' as const), ...writeFields }),
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

const endpoint = fc.record({ network: text, address: fc.string({ minLength: 1, maxLength: 8 }) });
const topology: fc.Arbitrary<Topology> = fc.record({
  cluster: text,
  revision: uint64,
  formed: fc.boolean(),
  initialShards: uint32,
  infos: fc.array(fc.record({ node: text, endpoints: fc.array(endpoint, { maxLength: 2 }), host: text, pid: uint32 }), {
    maxLength: 2,
  }),
  keyspaces: fc.array(
    fc.record({
      id: uint32,
      name: text,
      strategy: fc.constant('hash' as const),
      slots: fc.array(fc.record({ from: fc.nat(100), to: fc.integer({ min: 100, max: 16_383 }), shard: text }), {
        maxLength: 2,
      }),
    }),
    { maxLength: 2 },
  ),
  shards: fc.array(
    fc.record({
      shard: text,
      epoch: uint64,
      primary: text,
      configuredSize: uint32,
      members: fc.array(
        fc.record({
          node: text,
          store: text,
          role: fc.constantFrom('primary', 'replica', 'learner'),
          alive: fc.boolean(),
          endpoints: fc.array(endpoint, { maxLength: 2 }),
          host: text,
          pid: uint32,
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
});
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('deleted' as const), existed: fc.boolean(), version: uint64, position: uint64 }),
  fc.record({
    kind: fc.constant('found' as const),
    value: bytes,
    metadata,
    version: uint64,
    expiresAtMs: uint64,
    position: uint64,
  }),
  fc.record({ kind: fc.constant('not-found' as const), position: uint64 }),
  fc.record({ kind: fc.constant('condition-failed' as const), version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('wrong-shard' as const), topology: fc.option(topology, { nil: undefined }) }),
  fc.record({ kind: fc.constant('not-primary' as const), epoch: uint64 }),
  fc.record({
    kind: fc.constant('busy' as const),
    cause: fc.constantFrom('queue-operations', 'queue-bytes', 'overlay', 'clients'),
    retryAfterMs: uint32,
  }),
  fc.record({ kind: fc.constant('too-stale' as const), applied: position, stalenessMs: uint64 }),
  fc.record({
    kind: fc.constant('invalid' as const),
    cause: fc.constantFrom(
      'key-empty',
      'key-too-large',
      'value-too-large',
      'metadata-too-large',
      'no-such-keyspace',
      'malformed',
    ),
    message: text,
  }),
  fc.record({ kind: fc.constant('too-old' as const), windowMs: uint64 }),
  fc.record({ kind: fc.constant('no-quorum' as const), members: uint32, needed: uint32 }),
  fc.record({ kind: fc.constant('unavailable' as const), message: text }),
);
const batchResponse: fc.Arbitrary<BatchResponse> = fc.record({
  results: fc.array(fc.record({ request: uint32, outcome }), { maxLength: 8 }),
  node: text,
  role: fc.constantFrom(undefined, 'primary', 'replica', 'learner'),
  shard: text,
  epoch: uint64,
  timestamp: uint64,
  stalenessMs: uint64,
});

/** Everything that `decode` may do with bytes: give a message, or say that they are none. */
function decodeOrRefuse(decode: (bytes: Buffer) => unknown, input: Buffer): 'decoded' | 'refused' {
  try {
    decode(input);
    return 'decoded';
  } catch (caught) {
    if (caught instanceof EdisError && caught.code === 'protocol') return 'refused';
    throw caught;
  }
}

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

  it('refuses more operations than a batch may have before it has made them', () => {
    const input = Buffer.alloc((limits.maxBatchOperations + 1) * 2);
    for (let at = 0; at < input.length; at += 2) input[at] = 0x2a;
    expect(() => requests.decode(input)).toThrow(`more than ${limits.maxBatchOperations} operations`);
  });
});

describe('the hand-made codec of batch responses', () => {
  it('writes what proto-loader reads as the same message', () => {
    fc.assert(
      fc.property(batchResponse, (response) => {
        const { deserialize, serialize } = contract.BatchResponse;
        expect(deserialize(responses.encode(response))).toEqual(deserialize(serialize(responseToWire(response))));
      }),
      { numRuns: 300 },
    );
  });

  it('reads what proto-loader writes', () => {
    fc.assert(
      fc.property(batchResponse, (response) => {
        const decoded = responses.decode(contract.BatchResponse.serialize(responseToWire(response)));
        expect(decoded).toEqual({ ...response, results: response.results.map(decodedResult) });
      }),
      { numRuns: 300 },
    );
  });

  it('answers random and damaged bytes with a message or EdisError protocol, never otherwise', () => {
    fc.assert(
      fc.property(batchResponse, fc.nat(), fc.nat(255), (response, at, byte) => {
        const input = responses.encode(response);
        if (input.length > 0) input[at % input.length] = byte;
        expect(['decoded', 'refused']).toContain(decodeOrRefuse((damaged) => responses.decode(damaged), input));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const result = decodeOrRefuse((input) => responses.decode(input), Buffer.from(random));
        expect(['decoded', 'refused']).toContain(result);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives all results of a response that carry the same map the same object', () => {
    const [map] = fc.sample(topology, { numRuns: 1, seed: 7 });
    const result = (request: number): Result => ({ request, outcome: { kind: 'wrong-shard', topology: map } });
    const greeting = { node: '', role: undefined, shard: '', epoch: 1, timestamp: 1, stalenessMs: 0 };
    const { results } = responses.decode(responses.encode({ ...greeting, results: [result(1), result(2)] }));
    const topologies = results.map(({ outcome: decoded }) => decoded.kind === 'wrong-shard' && decoded.topology);
    expect(topologies[0]).toEqual(map);
    expect(topologies[1]).toBe(topologies[0]);
  });

  it('writes what a clock that stepped back measured as zero', () => {
    const response = { results: [], node: '', role: undefined, shard: '', epoch: 1, timestamp: 1, stalenessMs: -3 };
    expect(responses.decode(responses.encode(response)).stalenessMs).toBe(0);
  });

  it('refuses a result without an outcome', () => {
    expect(() => responses.decode(Buffer.from([0x0a, 2, 0x08, 1]))).toThrow('no outcome');
  });
});
