import { createHash, randomBytes } from 'node:crypto';
import type { Client, GetResult } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Edis } from './edis.ts';
import { sharedHash } from './shared-hash.ts';

const mebibyte = 1024 * 1024;

let running: TestCluster;
let client: Client;
let edis: Edis;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 2, replicas: 1 });
  client = await running.client();
  edis = new Edis(running.cluster.info);
});

afterAll(async () => {
  await running.close();
});

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function fromReplica(key: string): Promise<GetResult> {
  return waitFor(async () => {
    const read = await client.get(key);
    return read?.servedBy.role === 'replica' ? read : undefined;
  }, `a replica answers for ${key}`);
}

test('a value of exactly 8 MiB comes back from primary, replica and CLI as it was put', async () => {
  const value = randomBytes(8 * mebibyte);
  await client.put('large', value);
  expect(digest((await client.get('large', { consistency: 'strong' }))?.value ?? Buffer.alloc(0))).toBe(digest(value));
  expect(digest((await fromReplica('large')).value)).toBe(digest(value));
});

test('the CLI puts 8 MiB from stdin and prints them again', async () => {
  const text = 'edis '.repeat((8 * mebibyte) / 5 + 1).slice(0, 8 * mebibyte);
  expect(await edis.run(['put', 'typed', '-'], { stdin: text })).toMatchObject({ code: 0, stderr: '' });
  const { code, stdout } = await edis.run(['get', 'typed']);
  expect(code).toBe(0);
  expect(digest(Buffer.from(stdout.trimEnd()))).toBe(digest(Buffer.from(text.trimEnd())));
});

test('an empty value is a record', async () => {
  await client.put('empty', '');
  expect((await fromReplica('empty')).value).toHaveLength(0);
  expect(await client.exists('empty')).toBe(true);
  expect(await edis.json('get', 'empty')).toMatchObject({ code: 0, documents: [{ key: 'empty', value: '' }] });
});

test('64 metadata fields of 16 KiB together come back from a replica', async () => {
  const fields = Array.from({ length: 64 }, (_, index) => [`name-${String(index).padStart(3, '0')}`, 'x'.repeat(248)]);
  const metadata: Record<string, string> = Object.fromEntries(fields);
  await client.put('described', 'v', { metadata });
  expect((await fromReplica('described')).metadata).toEqual(metadata);
});

test('keys with one hash tag live on one shard, all of them', async () => {
  const keys = Array.from({ length: 5000 }, (_, index) => `{tag}:${index}`);
  const written = await client.mput(keys.map((key) => ({ key, value: key })));
  expect(new Set(written.map(({ shard }) => shard)).size).toBe(1);
  const reads = await client.mget(keys);
  expect(reads.filter((read, index) => Buffer.from(read?.value ?? []).toString() === keys[index])).toHaveLength(5000);
});

test('a hundred values of 1 MiB are put and read at once', async () => {
  const entries = Array.from({ length: 100 }, (_, index) => ({ key: `wide-${index}`, value: randomBytes(mebibyte) }));
  await client.mput(entries, { timeoutMs: 60_000 });
  const reads = await client.mget(
    entries.map(({ key }) => key),
    { timeoutMs: 60_000 },
  );
  const wrong = entries.filter(({ value }, index) => digest(reads[index]?.value ?? Buffer.alloc(0)) !== digest(value));
  expect(wrong.map(({ key }) => key)).toEqual([]);
  const replies = await running.settled(client);
  expect(sharedHash(replies)).toBeInstanceOf(Map);
});
