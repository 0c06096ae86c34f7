import type { Change, WatchRequest, WatchResponse } from '@edis/core';
import { unreachable } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { WatchResponseInput } from '../generated/edis/v1/WatchResponse.ts';
import {
  bufferOf,
  byteString,
  bytes,
  decodeOrRefuse,
  filled,
  metadata,
  position,
  text,
  uint32,
  uint64,
} from './message-fixture.ts';
import { watchRequestCodec } from './watch-request-codec.ts';
import { WatchResponseCodec } from './watch-response-codec.ts';

const responses = new WatchResponseCodec();

const request: fc.Arbitrary<WatchRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('open' as const),
    shard: text,
    cluster: text,
    keyspace: uint32,
    prefix: byteString,
    from: fc.oneof(
      fc.constant({ kind: 'start' as const }),
      fc.constant({ kind: 'now' as const }),
      fc.record({ kind: fc.constant('after' as const), position }),
    ),
    creditBytes: uint64,
  }),
  fc.record({ kind: fc.constant('grant' as const), bytes: uint64 }),
);

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('snapshot', 'put', 'delete', 'expire'),
  key: byteString,
  value: bytes,
  metadata,
  version: uint64,
  expiresAtMs: uint64,
});
const response: fc.Arbitrary<WatchResponse> = fc.oneof(
  fc.record({ kind: fc.constant('started' as const), position, node: text }),
  fc.record({
    kind: fc.constant('snapshot-begin' as const),
    cause: fc.constantFrom('start', 'log-too-short', 'diverged'),
    node: text,
  }),
  fc.record({ kind: fc.constant('snapshot-end' as const), position }),
  fc.record({
    kind: fc.constant('changes' as const),
    changes: fc.array(change, { maxLength: 5 }),
    position: fc.option(position, { nil: undefined }),
    bytes: uint64,
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    cause: fc.constantFrom('other-shard', 'other-cluster', 'no-such-keyspace', 'not-serving', 'busy'),
  }),
);

const changeKinds = {
  snapshot: 'CHANGE_KIND_SNAPSHOT',
  put: 'CHANGE_KIND_PUT',
  delete: 'CHANGE_KIND_DELETE',
  expire: 'CHANGE_KIND_EXPIRE',
} as const;
const snapshotCauses = {
  start: 'WATCH_SNAPSHOT_CAUSE_START',
  'log-too-short': 'WATCH_SNAPSHOT_CAUSE_LOG_TOO_SHORT',
  diverged: 'WATCH_SNAPSHOT_CAUSE_DIVERGED',
} as const;
const refusalCauses = {
  'other-shard': 'WATCH_REFUSAL_CAUSE_OTHER_SHARD',
  'other-cluster': 'WATCH_REFUSAL_CAUSE_OTHER_CLUSTER',
  'no-such-keyspace': 'WATCH_REFUSAL_CAUSE_NO_SUCH_KEYSPACE',
  'not-serving': 'WATCH_REFUSAL_CAUSE_NOT_SERVING',
  busy: 'WATCH_REFUSAL_CAUSE_BUSY',
} as const;

function responseToWire(message: WatchResponse): WatchResponseInput {
  switch (message.kind) {
    case 'started':
      return { started: message };
    case 'snapshot-begin':
      return { snapshotBegin: { cause: snapshotCauses[message.cause], node: message.node } };
    case 'snapshot-end':
      return { snapshotEnd: message };
    case 'changes': {
      const changes = message.changes.map((item) => ({
        ...item,
        kind: changeKinds[item.kind],
        key: bufferOf(item.key),
        value: bufferOf(item.value),
        metadata: { ...item.metadata },
      }));
      return { changes: { changes, position: message.position ?? null, bytes: message.bytes } };
    }
    case 'refused':
      return { refused: { cause: refusalCauses[message.cause] } };
    default:
      return unreachable(message);
  }
}

/** Empty values may be read as either form of bytes. */
function comparable(message: WatchResponse): WatchResponse {
  if (message.kind !== 'changes') return message;
  const changes = message.changes.map((item) => ({
    ...item,
    value: bufferOf(item.value),
    metadata: filled(item.metadata),
  }));
  return { ...message, changes };
}

describe('what a reader of a feed says', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(request, (message) => {
        expect(watchRequestCodec.decode(watchRequestCodec.encode(message))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['no message', contract.WatchRequest.serialize({})],
    ['an opening that does not say from where', contract.WatchRequest.serialize({ open: { shard: 's1' } })],
  ])('is refused with %s', (_what, input) => {
    expect(() => watchRequestCodec.decode(input)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});

describe('the hand-made codec of a feed', () => {
  it('writes what proto-loader reads as the same message', () => {
    fc.assert(
      fc.property(response, (message) => {
        const { deserialize, serialize } = contract.WatchResponse;
        expect(deserialize(responses.encode(message))).toEqual(deserialize(serialize(responseToWire(message))));
      }),
      { numRuns: 300 },
    );
  });

  it('reads what proto-loader writes, and what it writes itself', () => {
    fc.assert(
      fc.property(response, (message) => {
        const loaded = contract.WatchResponse.serialize(responseToWire(message));
        expect(comparable(responses.decode(loaded))).toEqual(comparable(message));
        expect(comparable(responses.decode(responses.encode(message)))).toEqual(comparable(message));
      }),
      { numRuns: 300 },
    );
  });

  it('answers damaged bytes with a message or EdisError protocol, never otherwise', () => {
    fc.assert(
      fc.property(response, fc.nat(), fc.nat(255), (message, at, byte) => {
        const input = responses.encode(message);
        input[at % input.length] = byte;
        expect(['decoded', 'refused']).toContain(decodeOrRefuse((damaged) => responses.decode(damaged), input));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['no message', contract.WatchResponse.serialize({})],
    ['a change of no kind', contract.WatchResponse.serialize({ changes: { changes: [{}] } })],
    ['a snapshot without a cause', contract.WatchResponse.serialize({ snapshotBegin: {} })],
    ['a refusal without a cause', contract.WatchResponse.serialize({ refused: {} })],
  ])('refuses %s', (_what, input) => {
    expect(() => responses.decode(input)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});
