import type {
  BeaconRequest,
  BeaconResponse,
  BusyCause,
  Bytes,
  Configuration,
  IndexedField,
  InfoMessage,
  InvalidCause,
  KeyspaceSettings,
  NodeMessage,
  Outcome,
  PromoteReply,
  QueryRefusal,
  Topology,
} from '@edis/core';
import { EdisError, limits, unreachable } from '@edis/core';
import fc from 'fast-check';
import type { ResultInput } from '../generated/edis/v1/Result.ts';
import { topologyToWire } from './topology-codec.ts';

/** What the tests of several codecs share: arbitrary messages, and the same ones as proto-loader takes them. */

export function bufferOf(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
}

/** What decoding makes of metadata: an empty map cannot be told from none. */
export function filled<T extends object>(metadata: T | undefined): T | undefined {
  return metadata === undefined || Object.keys(metadata).length === 0 ? undefined : metadata;
}

export const uint32 = fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 0xffff_ffff }));
export const uint64 = fc.oneof(fc.nat(200), fc.maxSafeNat());
/** proto-loader is exact no further; protobuf-writer.test.ts has all 64 bits. */
export const sint64 = fc
  .integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
  .chain((wide) => fc.constantFrom(BigInt(wide), BigInt(wide % 200)));
export const text = fc.string({ unit: 'grapheme', maxLength: 12 });
export const byteString = fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
export const bytes: fc.Arbitrary<Bytes> = fc.oneof(
  byteString,
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
);
export const metadata = fc.option(fc.dictionary(text, text, { maxKeys: 5 }), { nil: undefined });
export const position = fc.record({ epoch: uint64, position: uint64 });

const indexedField: fc.Arbitrary<IndexedField> = fc.record({ field: text, kind: fc.constantFrom('text', 'number') });
export const keyspaceSettings: fc.Arbitrary<KeyspaceSettings> = fc.record({
  indexedFields: fc.option(fc.array(indexedField, { maxLength: 3 }), { nil: undefined }),
  defaultTtlMs: uint64,
  maxKeyBytes: fc.integer({ min: 1, max: limits.maxKeyBytes }),
  maxValueBytes: fc.integer({ min: 0, max: limits.maxValueBytes }),
  valueSchema: text,
});

const endpoint = fc.record({ network: text, address: fc.string({ minLength: 1, maxLength: 8 }) });
export const topology: fc.Arbitrary<Topology> = fc.record({
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
      settings: keyspaceSettings,
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
      voters: fc.array(text, { maxLength: 2 }),
    }),
    { maxLength: 2 },
  ),
});

const endpoints = fc.array(endpoint, { maxLength: 2 });
const stores = fc.array(text, { maxLength: 4 });
const stampMs = fc.double({ noNaN: true, noDefaultInfinity: true });

export const configuration: fc.Arbitrary<Configuration> = fc.record({
  shard: text,
  epoch: uint64,
  primarySince: uint64,
  primary: text,
  members: stores,
  quorum: uint32,
  configuredSize: uint32,
  primaryEndpoints: endpoints,
  leaseMs: uint32,
});

const registration = fc.record({
  node: text,
  role: fc.constantFrom('write-shard' as const, 'read-shard' as const),
  store: text,
  cluster: text,
  shard: text,
  endpoints,
  lastEntry: position,
  seenEpoch: uint64,
  host: text,
  pid: uint32,
  incarnation: uint64,
  promisedEpoch: uint64,
});
const answer = fc.record({
  kind: fc.constantFrom('promised' as const, 'declined' as const, 'outdated' as const),
  promisedEpoch: uint64,
  lastEntry: position,
  witness: fc.boolean(),
});
const proposal = fc.record({
  epoch: uint64,
  change: fc.constantFrom('add' as const, 'remove' as const),
  store: text,
});

/** What a member says about its group. */
export const groupMessage: fc.Arbitrary<NodeMessage> = fc.oneof(
  fc.record({ kind: fc.constant('register' as const), registration }),
  fc.record({ kind: fc.constant('promise' as const), answer }),
  fc.record({ kind: fc.constant('propose' as const), proposal }),
  fc.record({ kind: fc.constant('handed-over' as const), epoch: uint64, to: text }),
  fc.constantFrom({ kind: 'retire' as const }, { kind: 'leave' as const }),
);

const prepare = fc.record({ epoch: uint64, preferred: text, releasedBy: text });

/** What info says to a member about its group. */
export const groupDirective: fc.Arbitrary<InfoMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('registered' as const),
    cluster: text,
    shard: text,
    reportMs: uint32,
    deadAfterMs: uint32,
    fencing: uint64,
  }),
  fc.record({ kind: fc.constant('configuration' as const), configuration }),
  fc.record({ kind: fc.constant('prepare' as const), prepare }),
  fc.record({ kind: fc.constant('hand-over' as const), epoch: uint64, to: text }),
  fc.record({ kind: fc.constant('proposal-refused' as const), epoch: uint64 }),
);

export const beaconRequest: fc.Arbitrary<BeaconRequest> = fc.record({
  shard: text,
  store: text,
  stampMs,
  granted: uint64,
});
export const beaconResponse: fc.Arbitrary<BeaconResponse> = fc.record({
  epoch: uint64,
  since: uint64,
  lastPosition: uint64,
  stampMs,
  leaseMs: uint32,
  number: uint64,
});

export const promoteReply: fc.Arbitrary<PromoteReply> = fc.oneof(
  fc.constant({ kind: 'accepted' as const }),
  fc.record({
    kind: fc.constant('refused' as const),
    cause: fc.constantFrom('no-such-shard', 'no-such-node', 'not-a-member', 'not-alive', 'is-primary', 'primary-well'),
    message: text,
  }),
);

const busyNames = {
  'queue-operations': 'BUSY_CAUSE_QUEUE_OPERATIONS',
  'queue-bytes': 'BUSY_CAUSE_QUEUE_BYTES',
  overlay: 'BUSY_CAUSE_OVERLAY',
  clients: 'BUSY_CAUSE_CLIENTS',
  'client-share': 'BUSY_CAUSE_CLIENT_SHARE',
  queries: 'BUSY_CAUSE_QUERIES',
  unreplicated: 'BUSY_CAUSE_UNREPLICATED',
} as const satisfies Record<BusyCause, string>;

const invalidNames = {
  'key-empty': 'INVALID_CAUSE_KEY_EMPTY',
  'key-too-large': 'INVALID_CAUSE_KEY_TOO_LARGE',
  'value-too-large': 'INVALID_CAUSE_VALUE_TOO_LARGE',
  'metadata-too-large': 'INVALID_CAUSE_METADATA_TOO_LARGE',
  'no-such-keyspace': 'INVALID_CAUSE_NO_SUCH_KEYSPACE',
  malformed: 'INVALID_CAUSE_MALFORMED',
  'ttl-out-of-range': 'INVALID_CAUSE_TTL_OUT_OF_RANGE',
  'not-an-integer': 'INVALID_CAUSE_NOT_AN_INTEGER',
  'integer-overflow': 'INVALID_CAUSE_INTEGER_OVERFLOW',
  'not-a-number': 'INVALID_CAUSE_NOT_A_NUMBER',
  'field-not-indexed': 'INVALID_CAUSE_FIELD_NOT_INDEXED',
  'too-many-groups': 'INVALID_CAUSE_TOO_MANY_GROUPS',
  'deadline-passed': 'INVALID_CAUSE_DEADLINE_PASSED',
} as const satisfies Record<InvalidCause, string>;

function keysOf<T extends string>(names: Readonly<Record<T, string>>): readonly T[] {
  const keys: T[] = [];
  for (const key in names) keys.push(key);
  return keys;
}

const busyCause = fc.constantFrom(...keysOf(busyNames));
const invalidCause = fc.constantFrom(...keysOf(invalidNames));

/** The refusals that operations and queries share. */
export const refusal: fc.Arbitrary<QueryRefusal> = fc.oneof(
  fc.record({ kind: fc.constant('wrong-shard' as const), topology: fc.option(topology, { nil: undefined }) }),
  fc.record({ kind: fc.constant('not-primary' as const), epoch: uint64 }),
  fc.record({ kind: fc.constant('busy' as const), cause: busyCause, retryAfterMs: uint32 }),
  fc.record({ kind: fc.constant('too-stale' as const), applied: position, stalenessMs: uint64 }),
  fc.record({ kind: fc.constant('invalid' as const), cause: invalidCause, message: text }),
  fc.record({ kind: fc.constant('unavailable' as const), message: text }),
);

export function refusalToWire(outcome: QueryRefusal) {
  switch (outcome.kind) {
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
    case 'unavailable':
      return { unavailable: outcome };
    default:
      return unreachable(outcome);
  }
}

export function outcomeToWire(outcome: Outcome): ResultInput {
  switch (outcome.kind) {
    case 'put':
      return { put: outcome };
    case 'deleted':
      return { deleted: outcome };
    case 'incremented':
      return { incremented: { ...outcome, value: String(outcome.value) } };
    case 'appended':
      return { appended: outcome };
    case 'expiring':
      return { expiring: outcome };
    case 'atomic': {
      const { applied, outcomes, position: at } = outcome;
      const results = outcomes.map((single, request) => ({ request, ...outcomeToWire(single) }));
      return { atomic: { applied, results, position: at } };
    }
    case 'not-done':
      return { notDone: {} };
    case 'found':
      return { found: { ...outcome, value: bufferOf(outcome.value), metadata: { ...outcome.metadata } } };
    case 'not-found':
      return { notFound: outcome };
    case 'condition-failed':
      return { conditionFailed: outcome };
    case 'too-old':
      return { tooOld: outcome };
    case 'no-quorum':
      return { noQuorum: outcome };
    case 'wrong-shard':
    case 'not-primary':
    case 'busy':
    case 'too-stale':
    case 'invalid':
    case 'unavailable':
      return refusalToWire(outcome);
    default:
      return unreachable(outcome);
  }
}

/** Everything that `decode` may do with bytes: give a message, or say that they are none. */
export function decodeOrRefuse(decode: (bytes: Buffer) => unknown, input: Buffer): 'decoded' | 'refused' {
  try {
    decode(input);
    return 'decoded';
  } catch (caught) {
    if (caught instanceof EdisError && caught.code === 'protocol') return 'refused';
    throw caught;
  }
}
