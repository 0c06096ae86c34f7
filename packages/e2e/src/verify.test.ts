/** `edis verify` judges a cluster of real processes, disturbs it when asked to, and leaves nothing behind. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkLinearizability, checkSessions, decodeHistory } from '@edis/checker';
import type { Client } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Edis, fieldOf } from './edis.ts';

let running: TestCluster;
let client: Client;
let edis: Edis;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 2, replicas: 1 });
  client = await running.client();
  await client.put('mine', 'stays');
  edis = new Edis(running.cluster.info);
});

afterAll(() => running.close());

const keyspaceNames = async () => (await client.keyspaces()).map(({ name }) => name);

test('a cluster holds what it promises, and no keyspace of the run is left', async () => {
  const path = join(running.directory, 'history.ndjson');
  const { code, documents } = await edis.json('verify', '--duration', '4s', '--callers', '12', '--history', path);
  expect(documents).toMatchObject([{ verdict: 'held', violations: [], undecided: [], unread: [], interrupted: false }]);
  expect(code).toBe(0);
  const figures = fieldOf(documents[0], 'figures');
  for (const name of ['ordered', 'sessionReads', 'boundedReads', 'durableWrites', 'sums']) {
    expect(fieldOf(figures, name)).toBeGreaterThan(0);
  }
  // Every member stood at the end of its log and was compared.
  expect(fieldOf(figures, 'members')).toBe(4);
  expect(await keyspaceNames()).toEqual(['default']);
  expect(Buffer.from((await client.get('mine'))?.value ?? []).toString()).toBe('stays');

  // Another process comes to the same verdict from the history alone.
  const history = decodeHistory(await readFile(path, 'utf8'));
  expect(history).toHaveLength(Number(fieldOf(figures, 'operations')));
  expect(checkLinearizability(history)).toMatchObject({ findings: [], undecided: [] });
  expect(checkSessions(history).findings).toEqual([]);
});

test('nodes that are paused meanwhile go on afterwards', async () => {
  const { documents } = await edis.json('verify', '--duration', '4s', '--callers', '8', '--pause', '--seed', '7');
  expect(documents).toMatchObject([{ verdict: 'held', violations: [] }]);
  expect(fieldOf(fieldOf(documents[0], 'faults'), 'length')).toBeGreaterThan(0);
  const replies = await running.settled(client);
  expect(replies.every(({ stats }) => stats !== undefined)).toBe(true);
  expect(await keyspaceNames()).toEqual(['default']);
});
