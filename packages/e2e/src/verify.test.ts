/** `edis verify` judges a cluster of real processes, disturbs it when asked to, and leaves nothing behind. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Answer,
  type Answered,
  checkLinearizability,
  checkSessions,
  decodeHistory,
  type HistoryOperation,
  isAnswered,
} from '@edis/checker';
import type { Client } from '@edis/client';
import { invariant } from '@edis/core';
import { Program, TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Edis, edisFile, fieldOf } from './edis.ts';
import { leaderOf } from './failover-load.ts';

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

type StrongRead = Answered & { readonly ending: { readonly answer: Extract<Answer, { readonly kind: 'found' }> } };

function isStrongRead(one: HistoryOperation): one is StrongRead {
  return isAnswered(one) && one.consistency === 'strong' && one.ending.answer.kind === 'found';
}

const versionOf = ({ ending }: StrongRead) => ending.answer.version ?? 0;

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

  // And it would have seen a lie of that cluster: one strong read that shows what was replaced long before.
  const reads = history.filter(isStrongRead);
  const last = reads.at(-1);
  const old = reads.find((one) => one.key === last?.key && versionOf(one) < versionOf(last));
  invariant(last !== undefined && old !== undefined, 'the last read of all is strong, of a key that was written twice');
  const lie = { ...last, ending: { ...last.ending, answer: old.ending.answer } };
  const { findings } = checkLinearizability(history.map((one) => (one === last ? lie : one)));
  expect(findings).toMatchObject([{ rule: 'linearizable', key: last.key }]);
});

test('nodes that are paused meanwhile go on afterwards', async () => {
  const { documents } = await edis.json('verify', '--duration', '4s', '--callers', '8', '--pause', '--seed', '7');
  expect(documents).toMatchObject([{ verdict: 'held', violations: [] }]);
  expect(fieldOf(fieldOf(documents[0], 'faults'), 'length')).toBeGreaterThan(0);
  const replies = await running.settled(client);
  expect(replies.every(({ stats }) => stats !== undefined)).toBe(true);
  expect(await keyspaceNames()).toEqual(['default']);
});

/** Starts one that would work for an hour, and waits until it is at it. */
async function startLong(...args: string[]): Promise<Program> {
  const path = join(running.directory, `${randomUUID()}.ndjson`);
  const env = { EDIS_INFO: running.cluster.info };
  const options = ['--duration', '1h', '--callers', '4', '--history', path, ...args];
  const program = new Program(edisFile, ['verify', ...options], { env, killAfterMs: 50_000 });
  await waitFor(
    async () => existsSync(path) && (await readFile(path, 'utf8')).includes('"written"'),
    () => `a write of edis verify; it printed ${program.stderr}`,
  );
  return program;
}

test('a signal ends it with the verdict on what was done; two signals end it without', async () => {
  const first = await startLong('--json');
  first.kill('SIGINT');
  const { code, stdout } = await first.ended;
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'held', interrupted: true });
  expect(code).toBe(0);
  expect(await keyspaceNames()).toEqual(['default']);

  const second = await startLong('--pause');
  second.kill('SIGTERM');
  second.kill('SIGINT');
  const ended = await second.ended;
  // The first may have been enough: what it had to wait for then was over before the second came.
  expect([0, 3]).toContain(ended.code);
  expect(ended.stderr).toContain('edis: ending');
  expect(await keyspaceNames()).toEqual(['default']);
});

test('what a run left that was killed is named by the next one', async () => {
  const killed = await startLong();
  killed.kill('SIGKILL');
  await killed.ended;
  const [left = 'none'] = (await keyspaceNames()).filter((name) => name !== 'default');
  const { code, stdout, stderr } = await edis.run(['verify', '--duration', '200ms']);
  expect(stdout).toMatch(/^held: /);
  expect(code).toBe(0);
  expect(stderr).toContain(`edis keyspace drop ${left} --yes`);
  expect((await edis.run(['keyspace', 'drop', left, '--yes'])).code).toBe(0);
  expect(await keyspaceNames()).toEqual(['default']);
});

// The last one here: it leaves a shard with one member.
test('a primary that is killed meanwhile is replaced, and nothing that was promised is missing', async () => {
  const { code, documents } = await edis.json('verify', '--duration', '1s', '--callers', '8', '--kill', '--yes');
  expect(documents).toMatchObject([{ verdict: 'held', violations: [], undecided: [], unread: [], ack: 'quorum' }]);
  expect(code).toBe(0);
  const ended = running.cluster.processes.filter((process) => !process.running);
  expect(ended).toHaveLength(1);
  for (const { name, shard } of ended) {
    expect(fieldOf(documents[0], 'faults')).toMatchObject([{ kind: 'kill', node: name, shard }]);
    await leaderOf(client, shard ?? '', name);
  }
  expect(await keyspaceNames()).toEqual(['default']);
});
