import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdisError } from '@edis/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-receipt-'));
});
afterAll(() => rm(directory, { recursive: true }));

interface Line {
  readonly kind?: string;
  readonly keyspace?: number;
  readonly key: unknown;
  readonly value?: unknown;
  readonly version: number;
  readonly [field: string]: unknown;
}

/** Imports a receipt into a cluster that has what the client has. */
async function importLines(client: FakeClient, lines: readonly (Line | string)[], args: readonly string[] = []) {
  const path = join(directory, 'receipt.ndjson');
  const texts = lines.map((line) =>
    typeof line === 'string'
      ? line
      : JSON.stringify({ kind: 'put', keyspace: 1, value: 'receipt', epoch: 1, position: 2, ...line }),
  );
  await writeFile(path, `${texts.join('\n')}\n`);
  client.keyspaceClients.set('default', client);
  return runFake(['import', path, ...args], { client });
}

async function valueOf(client: FakeClient, key: string): Promise<string | undefined> {
  const found = await client.get(key);
  return found === undefined ? undefined : Buffer.from(found.value).toString();
}

test('a write of a receipt is carried out over an older record and over none, and never over a newer one', async () => {
  const client = new FakeClient();
  const { version } = await client.put('older', 'cluster');
  await client.put('newer', 'cluster');
  const { exitCode, stdout } = await importLines(
    client,
    [
      { key: 'older', version },
      { key: 'newer', version },
      { key: 'none', version, metadata: { team: 'core' } },
      { key: { base64: '/w==' }, value: { base64: '/g==' }, version },
    ],
    ['--json'],
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.text)).toMatchObject({ complete: true, written: 3, newer: 1, removed: 0 });
  expect(await valueOf(client, 'older')).toBe('receipt');
  expect(await valueOf(client, 'newer')).toBe('cluster');
  expect(await client.get('none')).toMatchObject({ metadata: { team: 'core' } });
});

test('of several writes of one key the last one counts', async () => {
  const client = new FakeClient();
  await client.put('k', 'cluster');
  await client.put('gone', 'cluster');
  const lines = [
    { key: 'k', value: 'first', version: 1000 },
    { key: 'gone', value: 'first', version: 1001 },
    { key: 'k', value: 'last', version: 1002 },
    { kind: 'delete', key: 'gone', version: 1003 },
  ];
  const first = await importLines(client, lines);
  expect(first.stdout.text).toBe(
    '1 written (s1: 1), 1 removed, 2 left out: something newer is there, or nothing to remove\n',
  );
  expect(await valueOf(client, 'k')).toBe('last');
  expect(await valueOf(client, 'gone')).toBeUndefined();
});

test('what belongs to a dropped keyspace, and what has expired, is left out', async () => {
  const client = new FakeClient();
  client.put = () => Promise.reject(new EdisError('expired', 'too late'));
  const { stdout } = await importLines(client, [
    { key: 'a', version: 1, keyspace: 9 },
    { key: 'b', version: 2, expiresAtMs: 5 },
  ]);
  expect(stdout.text).toContain('1 left out: their deadline has passed');
  expect(stdout.text).toContain('1 left out: their keyspace is no more');
});

test('a broken line is named before anything is written, and options of exports are refused', async () => {
  const client = new FakeClient();
  const { exitCode, stderr } = await importLines(client, [{ key: 'a', version: 1 }, '{"kind":"put"']);
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain('line 2: is not JSON');
  expect(await valueOf(client, 'a')).toBeUndefined();
  expect((await importLines(client, [{ key: 'a', version: 1 }], ['--from-line', '2'])).exitCode).toBe(2);
});
