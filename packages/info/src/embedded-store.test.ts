import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ClusterState, Registration } from '@edis/core';
import { Cluster, defaultKeyspaceSettings, EdisError } from '@edis/core';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedStore } from './embedded-store.ts';
import { changedRows, stateOfRows } from './state-row.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-info-store-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function registration(node: string, change: Partial<Registration> = {}): Registration {
  return {
    node,
    role: 'write-shard',
    store: `store-${node}`,
    cluster: '',
    shard: '',
    endpoints: [{ network: '', address: `${node}:1` }],
    lastEntry: { epoch: 0, position: 0 },
    seenEpoch: 0,
    promisedEpoch: 0,
    host: 'machine',
    pid: 7,
    incarnation: 99,
    ...change,
  };
}

/** Two states of a formed cluster with keyspaces of its own, the second with a replica more. */
function states(): readonly [ClusterState, ClusterState] {
  const self = { node: 'info', endpoints: [{ network: 'host', address: 'localhost:1' }], host: 'machine', pid: 1 };
  const options = {
    initialShards: 2,
    reportMs: 500,
    leaseMs: 2000,
    rollCallMs: 0,
    fencing: 0,
    deadAfterMs: 3000,
    self,
    newCluster: 'c',
    state: undefined,
  };
  const cluster = new Cluster(options);
  cluster.start(0);
  for (const [index, node] of ['w1', 'w2'].entries()) {
    cluster.onOpen(index, 0);
    cluster.onRegister(index, registration(node), 0);
  }
  const indexedFields = [{ field: 'age', kind: 'number' }] as const;
  cluster.onCreateKeyspace(1, 'users', { ...defaultKeyspaceSettings, indexedFields, defaultTtlMs: 60_000 });
  cluster.onCreateKeyspace(2, 'gone', defaultKeyspaceSettings);
  cluster.onDropKeyspace(3, 'gone');
  const before = cluster.state;
  cluster.onOpen(2, 0);
  cluster.onRegister(2, registration('r1', { role: 'read-shard' }), 0);
  return [before, cluster.state];
}

/** The rows as format 2 had them: a primary was one from the first epoch of its shard on. */
function formerRows(state: ClusterState): readonly { readonly key: string; readonly value: string }[] {
  return changedRows(undefined, state).map(({ key, value }) => {
    const json = value
      .slice(9)
      .replace('"format":3', '"format":2')
      .replace(/"primarySince":\d+,/, '')
      .replace(/"primaryIncarnation":\d+,/, '');
    return { key, value: `${crc32(json, crc32(key)).toString(16).padStart(8, '0')} ${json}` };
  });
}

/** The row of the cluster as format 1 had it. */
function formerClusterRow({
  topology,
}: {
  readonly topology: object & { readonly shards: readonly { shard: string }[] };
}) {
  const order = topology.shards.map(({ shard }) => shard);
  const json = JSON.stringify({ format: 1, ...topology, shards: order });
  const checksum = crc32(json, crc32('cluster')).toString(16).padStart(8, '0');
  return { key: 'cluster', value: `${checksum} ${json}` };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (caught) {
    return caught instanceof EdisError ? caught.code : String(caught);
  }
  return 'nothing was thrown';
}

describe('the embedded store', () => {
  test('what was saved is there after it was opened again', async () => {
    const [first, second] = states();
    const store = await EmbeddedStore.open(directory);
    expect(await store.load()).toBeUndefined();
    await store.save(first);
    await store.save(second);
    await store.close();
    const again = await EmbeddedStore.open(directory);
    expect(await again.load()).toEqual(second);
    await again.close();
  });

  test('decides under the highest fencing number that it was ever given', async () => {
    const numbers: number[] = [];
    const self = { node: 'info', endpoints: [], host: '', pid: 1 };
    for (const given of [undefined, 7, undefined, 3, 9]) {
      const store = await EmbeddedStore.open(directory, given);
      const listener = { onStandby: () => {}, onState: () => {}, onCutOff: () => {}, onFailed: () => {} };
      await store.join(self, { ...listener, onActive: (_state, fencing) => void numbers.push(fencing) });
      if (given === 7) await store.save(states()[0]);
      await store.close();
    }
    expect(numbers).toEqual([0, 7, 7, 7, 9]);
    const again = await EmbeddedStore.open(directory);
    expect(await again.load()).toEqual(states()[0]);
    await again.close();
  });

  test('a directory that is in use, belongs to a shard or cannot be made is refused', async () => {
    const store = await EmbeddedStore.open(directory);
    expect(await codeOf(EmbeddedStore.open(directory))).toBe('data-directory');
    await store.close();
    const shards = join(directory, 'shard');
    await mkdir(shards);
    await writeFile(join(shards, 'store.json'), '{}');
    expect(await codeOf(EmbeddedStore.open(shards))).toBe('data-directory');
    expect(await codeOf(EmbeddedStore.open(join(shards, 'store.json', 'below')))).toBe('data-directory');
  });

  test('no damage is answered with the advice to take an older copy, which lacks members and keyspaces', async () => {
    const store = await EmbeddedStore.open(directory);
    await store.save(states()[1]);
    await store.close();
    const database = new ClassicLevel(join(directory, 'topology'));
    await database.put('shard/s1', '00000000 {}');
    await database.close();
    const again = await EmbeddedStore.open(directory);
    const advice = /(?:fails its check|is damaged: .*); keep the directory, and put no older copy in its place/;
    await expect(again.load()).rejects.toMatchObject({ code: 'damaged', message: expect.stringMatching(advice) });
    await again.close();
    await writeFile(join(directory, 'topology', 'CURRENT'), 'nothing');
    const opening = EmbeddedStore.open(directory);
    await expect(opening).rejects.toMatchObject({ code: 'damaged', message: expect.stringMatching(advice) });
  });

  test('a flipped bit in a row is damage', async () => {
    const store = await EmbeddedStore.open(directory);
    await store.save(states()[1]);
    await store.close();
    const database = new ClassicLevel(join(directory, 'topology'));
    const row = (await database.get('shard/s1')) ?? '';
    await database.put('shard/s1', row.replace('"epoch":1', '"epoch":3'));
    await database.close();
    const again = await EmbeddedStore.open(directory);
    expect(await codeOf(again.load())).toBe('damaged');
    await again.close();
  });
});

describe('rows', () => {
  test('a change of one shard writes the cluster and that shard', () => {
    const [first, second] = states();
    expect(changedRows(first, second).map((row) => row.key)).toEqual(['cluster', 'shard/s1']);
    expect(changedRows(undefined, second).map((row) => row.key)).toEqual(['cluster', 'shard/s1', 'shard/s2']);
  });

  test('of the format before keyspaces had settings give every keyspace the defaults', () => {
    const [state] = states();
    const [main] = state.topology.keyspaces;
    if (main === undefined) throw new Error('no keyspace');
    const { settings: _settings, ...former } = main;
    const old = { ...state, topology: { ...state.topology, keyspaces: [former] } };
    const rows = changedRows(undefined, state).map((row) => (row.key === 'cluster' ? formerClusterRow(old) : row));
    expect(stateOfRows(rows)).toEqual({
      ...state,
      nextKeyspaceId: 2,
      topology: { ...state.topology, keyspaces: [{ ...main, settings: defaultKeyspaceSettings }] },
    });
  });

  test('of the format before primaries changed say that each leads since its epoch, as it was started then', () => {
    const [, { topology, records, ...rest }] = states();
    const shards = topology.shards.map((shard) => ({ ...shard, epoch: 4 }));
    const state = {
      ...rest,
      topology: { ...topology, shards },
      records: records.map((each) => ({ ...each, epoch: 4 })),
    };
    const rows = formerRows(state);
    expect(rows.map(({ value }) => value).join()).not.toMatch(/"format":3|primarySince|primaryIncarnation/);
    expect(stateOfRows(rows)).toEqual({
      ...state,
      records: state.records.map((record) => ({ ...record, primarySince: 4, primaryIncarnation: 99 })),
    });
  });

  test('remember which nodes were forgotten, if any were', () => {
    const [state] = states();
    const known = { ...state, forgotten: ['r8', 'r9'] };
    expect(stateOfRows(changedRows(undefined, known))).toEqual(known);
    const [former] = changedRows(undefined, state);
    expect(former).toMatchObject({ key: 'cluster', value: expect.not.stringContaining('forgotten') });
  });

  test('of a newer format are refused', () => {
    const rows = changedRows(undefined, states()[1]).map((row) => {
      const json = row.value.slice(9).replace('"format":3', '"format":4');
      return { ...row, value: `${crc32(json, crc32(row.key)).toString(16).padStart(8, '0')} ${json}` };
    });
    expect(() => stateOfRows(rows)).toThrow(/format 4/);
  });

  test('a missing row is damage', () => {
    const rows = changedRows(undefined, states()[1]);
    expect(stateOfRows(rows)).toEqual(states()[1]);
    for (let missing = 0; missing < rows.length; missing++) {
      expect(() => stateOfRows(rows.filter((_, index) => index !== missing))).toThrow(EdisError);
    }
  });
});
