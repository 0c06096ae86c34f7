import { describe, expect, test } from 'vitest';
import { EdisError } from './error.ts';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import { planFormation } from './planner.ts';
import type { Shard, Topology } from './topology.ts';
import { applyDelta, applyUpdate, checkTopology, deltaBetween } from './topology-change.ts';

function shard(name: string, epoch = 1, endpoints = [{ network: '', address: `${name}:1` }]): Shard {
  const primary = { node: name, store: name, role: 'primary', alive: true, endpoints, host: '', pid: 0 } as const;
  return { shard: name, epoch, primary: name, configuredSize: 1, members: [primary], voters: [name] };
}

const [s1, s2] = [shard('s1'), shard('s2')];
const base: Topology = {
  cluster: 'c',
  revision: 5,
  formed: false,
  initialShards: 2,
  infos: [{ node: 'info', endpoints: [{ network: '', address: 'info:1' }], host: '', pid: 0 }],
  keyspaces: [{ id: 1, name: 'default', strategy: 'hash', settings: defaultKeyspaceSettings, slots: [] }],
  shards: [s1],
};
const formed: Topology = {
  ...base,
  revision: 6,
  formed: true,
  keyspaces: [
    {
      id: 1,
      name: 'default',
      strategy: 'hash',
      settings: defaultKeyspaceSettings,
      slots: planFormation(['s1', 's2'], 16_384),
    },
  ],
  shards: [s1, s2],
};

describe('a delta', () => {
  test('applied to the map before it gives the map after it', () => {
    expect(applyDelta(base, deltaBetween(base, formed))).toEqual(formed);
    const raised = { ...formed, revision: 7, shards: [shard('s1', 2), s2] };
    expect(applyDelta(formed, deltaBetween(formed, raised))).toEqual(raised);
    const shrunk = { ...formed, revision: 9, shards: [s2] };
    expect(applyDelta(formed, deltaBetween(formed, shrunk))).toEqual(shrunk);
    const [spread] = formed.keyspaces;
    if (spread === undefined) throw new Error('no keyspace');
    const wider = { ...formed, revision: 8, keyspaces: [spread, { ...spread, id: 2, name: 'users' }] };
    expect(applyDelta(formed, deltaBetween(formed, wider))).toEqual(wider);
    expect(deltaBetween(formed, wider).keyspaces).toHaveLength(1);
    const narrower = { ...formed, revision: 9 };
    expect(applyDelta(wider, deltaBetween(wider, narrower))).toEqual(narrower);
    expect(deltaBetween(wider, narrower)).toMatchObject({ keyspaces: [], removedKeyspaces: [2] });
  });

  test('carries only what changed', () => {
    const raised = { ...formed, revision: 7, shards: [s1, shard('s2', 2)] };
    expect(deltaBetween(formed, raised)).toEqual({
      cluster: 'c',
      fromRevision: 6,
      revision: 7,
      formed: true,
      infos: [],
      keyspaces: [],
      shards: [shard('s2', 2)],
      removedShards: [],
      removedKeyspaces: [],
    });
  });

  test('does not apply to another revision or another cluster', () => {
    const delta = deltaBetween(base, formed);
    expect(applyDelta(formed, delta)).toBeUndefined();
    expect(applyDelta({ ...base, revision: 4 }, delta)).toBeUndefined();
    expect(applyDelta({ ...base, cluster: 'd' }, delta)).toBeUndefined();
    expect(applyUpdate(undefined, { kind: 'delta', delta })).toBeUndefined();
  });

  test('a whole map replaces whatever was known', () => {
    expect(applyUpdate(undefined, { kind: 'whole', topology: formed })).toBe(formed);
    expect(applyUpdate(formed, { kind: 'whole', topology: base })).toBe(base);
  });
});

describe('the rules of a map', () => {
  test('proper maps keep them', () => {
    expect(() => checkTopology(base)).not.toThrow();
    expect(() => checkTopology(formed)).not.toThrow();
  });

  const broken: readonly (readonly [string, Topology])[] = [
    ['an epoch of 0', { ...base, shards: [shard('s1', 0)] }],
    ['a shard twice', { ...base, shards: [s1, s1] }],
    ['a primary that is no member', { ...base, shards: [{ ...s1, primary: 'x' }] }],
    ['a store in two places', { ...base, shards: [s1, { ...s1, shard: 's2' }] }],
    ['a member without endpoint', { ...base, shards: [shard('s1', 1, [])] }],
    ['slots before it is formed', { ...formed, formed: false }],
    ['two keyspaces of one name', { ...base, keyspaces: base.keyspaces.flatMap((one) => [one, { ...one, id: 2 }]) }],
    ['no default keyspace', { ...base, keyspaces: [] }],
    ['formed without slots', { ...base, formed: true }],
    ['a slot of an unknown shard', { ...formed, shards: [s1] }],
    ['no default keyspace', { ...base, keyspaces: [] }],
    ['revision 0', { ...base, revision: 0 }],
  ];

  test.each(broken)('%s breaks them', (_, topology) => {
    expect(() => checkTopology(topology)).toThrow(EdisError);
  });
});
