import type { KeyspaceReply } from '@edis/core';
import { defaultKeyspaceSettings, EdisError } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import type { Methods } from '../methods.ts';
import { createMethods } from '../methods.ts';
import {
  createKeyspaceRequestCodec,
  createKeyspaceResponseCodec,
  dropKeyspaceRequestCodec,
  dropKeyspaceResponseCodec,
} from './keyspace-codec.ts';
import type { MessageCodec } from './message-codec.ts';
import {
  beaconRequest,
  beaconResponse,
  groupDirective,
  groupMessage,
  keyspaceSettings,
  promoteReply,
  text,
  topology,
  uint64,
} from './message-fixture.ts';
import { promoteRequestCodec, promoteResponseCodec } from './promote-codec.ts';
import {
  beaconRequestCodec,
  beaconResponseCodec,
  snapshotRequestCodec,
  snapshotResponseCodec,
} from './replication-codec.ts';
import { infoMessageCodec, nodeMessageCodec } from './session-codec.ts';
import { topologyCodec, topologyUpdateCodec } from './topology-codec.ts';

function refusalOf(codec: Pick<MessageCodec<unknown>, 'decode'>, bytes: Buffer): EdisError | undefined {
  try {
    codec.decode(bytes);
    return undefined;
  } catch (caught) {
    if (caught instanceof EdisError) return caught;
    throw caught;
  }
}

const methods = createMethods();
const methodNames: readonly (keyof Methods)[] = [
  'session',
  'watchTopology',
  'describeCluster',
  'createKeyspace',
  'dropKeyspace',
  'promote',
  'batch',
  'execute',
  'getStats',
  'follow',
  'snapshot',
  'beacon',
  'scan',
  'search',
  'aggregate',
  'watch',
  'health',
];

describe.each(methodNames)('the codecs of %s', (name) => {
  it('answer random bytes with a message or EdisError protocol, never otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
        for (const codec of [methods[name].request, methods[name].response]) {
          expect(['protocol', undefined]).toContain(refusalOf(codec, Buffer.from(random))?.code);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('control messages', () => {
  it.each([
    ['SessionRequest without a message', nodeMessageCodec, contract.SessionRequest.serialize({})],
    ['SessionResponse without a message', infoMessageCodec, contract.SessionResponse.serialize({})],
    ['a role that is not given', nodeMessageCodec, contract.SessionRequest.serialize({ register: { node: 'n' } })],
    [
      'a role that does not exist',
      nodeMessageCodec,
      // SessionRequest.register (1) with role (2) set to 99, which the typed encoder would not write.
      Buffer.from([0x0a, 2, 0x10, 99]),
    ],
    [
      'an endpoint without an address',
      nodeMessageCodec,
      contract.SessionRequest.serialize({ register: { role: 'NODE_ROLE_READ_SHARD', endpoints: [{}] } }),
    ],
    [
      'a number above 2^53 - 1',
      nodeMessageCodec,
      contract.SessionRequest.serialize({ report: { recordCount: '9007199254740993' } }),
    ],
    ['an update that is neither whole nor delta', topologyUpdateCodec, contract.WatchTopologyResponse.serialize({})],
    [
      'slots beyond the last one',
      topologyCodec,
      contract.Topology.serialize({ keyspaces: [{ strategy: 'hash', slots: [{ from: 0, to: 16_384 }] }] }),
    ],
    [
      'fields to index beside all of them',
      createKeyspaceRequestCodec,
      contract.CreateKeyspaceRequest.serialize({ settings: { indexAllFields: true, indexedFields: [{ field: 'f' }] } }),
    ],
    ['a creation without a result', createKeyspaceResponseCodec, contract.CreateKeyspaceResponse.serialize({})],
    ['a strategy that does not exist', topologyCodec, contract.Topology.serialize({ keyspaces: [{ strategy: 'x' }] })],
    ['a grant of nothing', snapshotRequestCodec, contract.SnapshotRequest.serialize({ grant: {} })],
    [
      'a page with more keys than values',
      snapshotResponseCodec,
      contract.SnapshotResponse.serialize({ page: { keys: [Buffer.from('k')] } }),
    ],
    ['a promise of no kind', nodeMessageCodec, contract.SessionRequest.serialize({ promise: { promisedEpoch: 3 } })],
    ['a change of members of no kind', nodeMessageCodec, contract.SessionRequest.serialize({ propose: { epoch: 3 } })],
    [
      'an epoch above 2^53 - 1',
      infoMessageCodec,
      contract.SessionResponse.serialize({ prepare: { epoch: '9007199254740993' } }),
    ],
    ['a refusal without a cause', promoteResponseCodec, contract.PromoteResponse.serialize({ refused: {} })],
    ['a stamp that is no number', beaconRequestCodec, contract.BeaconRequest.serialize({ stampMs: Number.NaN })],
  ])('are refused as malformed: %s', (_what, codec, bytes) => {
    expect(refusalOf(codec, bytes)?.code).toBe('protocol');
  });

  it('round figures that were measured with fractions', () => {
    const position = { epoch: 0, position: 0 };
    const report = {
      lastEntry: position,
      applied: position,
      lagEntries: 0,
      lagMs: 12.6,
      serving: true,
      recordCount: 0,
      operationsPerSecond: -0.4,
    };
    const decoded = nodeMessageCodec.decode(nodeMessageCodec.encode({ kind: 'report', report }));
    expect(decoded).toEqual({ kind: 'report', report: { ...report, lagMs: 13, operationsPerSecond: 0 } });
  });
});

function expectSame<T>(codec: MessageCodec<T>, message: T): void {
  expect(codec.decode(codec.encode(message))).toEqual(message);
}

describe('messages about a group', () => {
  it('carry promises, members, hand-overs and configurations as they are', () => {
    fc.assert(
      fc.property(groupMessage, groupDirective, (message, directive) => {
        expectSame(nodeMessageCodec, message);
        expectSame(infoMessageCodec, directive);
      }),
      { numRuns: 500 },
    );
  });

  it('carry beacons and grants as they are, with the fractions of their stamps', () => {
    fc.assert(
      fc.property(beaconRequest, beaconResponse, (request, response) => {
        // The wire does not tell the two zeros apart.
        expectSame(beaconRequestCodec, { ...request, stampMs: request.stampMs + 0 });
        expectSame(beaconResponseCodec, { ...response, stampMs: response.stampMs + 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('carry the wish for another primary, and what info says to it', () => {
    fc.assert(
      fc.property(text, text, fc.boolean(), promoteReply, (shard, node, isUnsafe, reply) => {
        expectSame(promoteRequestCodec, { shard, node, isUnsafe });
        expectSame(promoteResponseCodec, reply);
      }),
    );
  });
});

const refusedReply: KeyspaceReply = { kind: 'refused', cause: 'too-many', message: 'too many' };

describe('messages about keyspaces', () => {
  it('carry settings and maps as they are, through whole maps and steps', () => {
    fc.assert(
      fc.property(keyspaceSettings, topology, uint64, (settings, map, revision) => {
        const request = { name: 'users', settings };
        expect(createKeyspaceRequestCodec.decode(createKeyspaceRequestCodec.encode(request))).toEqual(request);
        expect(topologyCodec.decode(topologyCodec.encode(map))).toEqual(map);
        const { cluster, formed, infos, keyspaces, shards } = map;
        const delta = {
          ...{ cluster, formed, infos, keyspaces, shards, revision },
          fromRevision: map.revision,
          removedShards: ['s1'],
          removedKeyspaces: [2, 7],
        };
        const update = { kind: 'delta', delta } as const;
        expect(topologyUpdateCodec.decode(topologyUpdateCodec.encode(update))).toEqual(update);
        for (const keyspace of keyspaces) {
          const reply: KeyspaceReply = { kind: 'created', keyspace, revision };
          expect(createKeyspaceResponseCodec.decode(createKeyspaceResponseCodec.encode(reply))).toEqual(reply);
        }
        const dropped: KeyspaceReply = { kind: 'dropped', revision };
        expect(dropKeyspaceResponseCodec.decode(dropKeyspaceResponseCodec.encode(dropped))).toEqual(dropped);
      }),
      { numRuns: 200 },
    );
    expect(dropKeyspaceRequestCodec.decode(dropKeyspaceRequestCodec.encode('users'))).toBe('users');
  });

  it('carry refusals of both kinds', () => {
    for (const codec of [createKeyspaceResponseCodec, dropKeyspaceResponseCodec]) {
      expect(codec.decode(codec.encode(refusedReply))).toEqual(refusedReply);
    }
  });

  it('mean the defaults where settings are not given', () => {
    const decode = (settings: object | null) =>
      createKeyspaceRequestCodec.decode(contract.CreateKeyspaceRequest.serialize({ name: 'users', settings })).settings;
    expect(decode(null)).toEqual(defaultKeyspaceSettings);
    expect(decode({ indexAllFields: true })).toEqual(defaultKeyspaceSettings);
    expect(decode({})).toEqual({ ...defaultKeyspaceSettings, indexedFields: [] });
    expect(decode({ indexedFields: [{ field: 'age' }], maxValueBytes: 0 })).toEqual({
      ...defaultKeyspaceSettings,
      indexedFields: [{ field: 'age', kind: 'text' }],
      maxValueBytes: 0,
    });
  });
});
