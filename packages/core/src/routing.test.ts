import { describe, expect, test } from 'vitest';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import { planFormation } from './planner.ts';
import { networkOf, pickEndpoint, Router, shardOfSlot } from './routing.ts';
import type { Shard, Topology } from './topology.ts';

const shards: readonly Shard[] = ['s1', 's2', 's3'].map((shard) => ({
  shard,
  epoch: 1,
  primary: shard,
  configuredSize: 1,
  voters: [],
  members: [],
}));

const topology: Topology = {
  cluster: 'c',
  revision: 1,
  formed: true,
  initialShards: 3,
  infos: [
    {
      node: 'info',
      endpoints: [
        { network: 'internal', address: 'info:7400' },
        { network: 'host', address: 'localhost:7411' },
      ],
      host: '',
      pid: 0,
    },
  ],
  keyspaces: [
    {
      id: 1,
      name: 'default',
      strategy: 'hash',
      settings: defaultKeyspaceSettings,
      slots: planFormation(['s1', 's2', 's3'], 16_384),
    },
    { id: 2, name: 'other', strategy: 'hash', settings: defaultKeyspaceSettings, slots: planFormation(['s2'], 16_384) },
  ],
  shards,
};

describe('the owner of a slot', () => {
  test('the table and the search agree on every slot', () => {
    const router = new Router(topology);
    for (let slot = 0; slot < 16_384; slot++) {
      expect(router.shardOfSlot(0, slot)).toBe(shardOfSlot(topology, 1, slot));
    }
    expect(router.shardOfSlot(1, 0)?.shard).toBe('s1');
    expect(router.shardOfSlot(1, 16_383)?.shard).toBe('s3');
    expect(router.shardOfSlot(2, 0)?.shard).toBe('s2');
    expect(router.shardIndexOf(2, 0)).toBe(1);
  });

  test('an unknown keyspace and an unformed cluster have none', () => {
    const router = new Router(topology);
    expect(router.hasKeyspace(0)).toBe(true);
    expect(router.hasKeyspace(3)).toBe(false);
    expect(router.shardOfSlot(3, 0)).toBeUndefined();
    const unformed = new Router({
      ...topology,
      keyspaces: [{ id: 1, name: 'default', strategy: 'hash', settings: defaultKeyspaceSettings, slots: [] }],
    });
    expect(unformed.shardOfSlot(1, 5)).toBeUndefined();
    expect(unformed.shardIndexOf(1, 5)).toBe(-1);
  });
});

describe('the endpoint to use', () => {
  const internal = { network: 'internal', address: 'w1:7410' };
  const host = { network: 'host', address: 'localhost:7412' };
  const unnamed = { network: '', address: 'w1:7410' };

  test('the one of the network, else the one for every network, else the first', () => {
    expect(pickEndpoint([internal, host], 'host')).toBe(host);
    expect(pickEndpoint([internal, unnamed], 'host')).toBe(unnamed);
    expect(pickEndpoint([internal, host], 'elsewhere')).toBe(internal);
    expect(pickEndpoint([internal, host], undefined)).toBe(internal);
    expect(pickEndpoint([], 'host')).toBeUndefined();
  });

  test.each(['localhost:7411', '127.0.0.1:7411', '[::1]:7411', 'LOCALHOST:7411'])(
    'who dialled info at %s is in the network host',
    (address) => {
      expect(networkOf(topology, address)).toBe('host');
    },
  );

  test('who dialled an address that info does not advertise is in no known network', () => {
    expect(networkOf(topology, 'info:7400')).toBe('internal');
    expect(networkOf(topology, 'localhost:7400')).toBeUndefined();
    expect(networkOf(topology, '10.0.0.5:7411')).toBeUndefined();
  });
});
