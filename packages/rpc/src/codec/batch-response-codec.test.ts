import type { BatchResponse, Outcome, Result } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { BatchResponseInput } from '../generated/edis/v1/BatchResponse.ts';
import { BatchResponseCodec } from './batch-response-codec.ts';
import {
  bufferOf,
  bytes,
  decodeOrRefuse,
  filled,
  metadata,
  outcomeToWire,
  refusal,
  sint64,
  text,
  topology,
  uint32,
  uint64,
} from './message-fixture.ts';
import { memberRoleToWire, topologyCodec } from './topology-codec.ts';

const responses = new BatchResponseCodec(topologyCodec);

function responseToWire(response: BatchResponse): BatchResponseInput {
  const { results, role, ...rest } = response;
  return {
    ...rest,
    role: role === undefined ? 'MEMBER_ROLE_UNSPECIFIED' : memberRoleToWire(role),
    results: results.map(({ request, outcome }) => ({ request, ...outcomeToWire(outcome) })),
  };
}

// What decoding makes of a message: values are Buffers; no metadata is undefined.

function decodedOutcome(outcome: Outcome): Outcome {
  if (outcome.kind === 'atomic') return { ...outcome, outcomes: outcome.outcomes.map(decodedOutcome) };
  if (outcome.kind !== 'found') return outcome;
  return { ...outcome, value: bufferOf(outcome.value), metadata: filled(outcome.metadata) };
}

function decodedResult({ request, outcome }: Result): Result {
  return { request, outcome: decodedOutcome(outcome) };
}

const simpleOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('deleted' as const), existed: fc.boolean(), version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('incremented' as const), value: sint64, version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('appended' as const), length: uint64, version: uint64, position: uint64 }),
  fc.record({ kind: fc.constant('expiring' as const), expiresAtMs: uint64, version: uint64, position: uint64 }),
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
  fc.record({ kind: fc.constant('too-old' as const), windowMs: uint64 }),
  fc.record({ kind: fc.constant('no-quorum' as const), members: uint32, needed: uint32 }),
  fc.constant({ kind: 'not-done' as const }),
  refusal,
);
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 12, arbitrary: simpleOutcome },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('atomic' as const),
      applied: fc.boolean(),
      outcomes: fc.array(simpleOutcome, { maxLength: 4 }),
      position: uint64,
    }),
  },
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

  it('refuses results of a batch that are out of order, or hold a batch themselves', () => {
    const inner = { request: 0, notDone: {} };
    const outOfOrder = contract.BatchResponse.serialize({ results: [{ atomic: { results: [inner, inner] } }] });
    const nested = contract.BatchResponse.serialize({ results: [{ atomic: { results: [{ atomic: {} }] } }] });
    for (const input of [outOfOrder, nested]) {
      expect(() => responses.decode(input)).toThrow(expect.objectContaining({ code: 'protocol' }));
    }
  });
});
