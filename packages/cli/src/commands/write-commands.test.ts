import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { FakeClient, fakeNowMs } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';

test('incr prints the sum, whose digits JSON keeps as text', async () => {
  const client = new FakeClient();
  expect((await runFake(['incr', 'n'], { client })).stdout.text).toBe('1\n');
  expect((await runFake(['incr', 'n', '-3'], { client })).stdout.text).toBe('-2\n');
  const json = await runFake(['incr', 'n', '9007199254740993', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({
    key: 'n',
    value: '9007199254740991',
    version: 103,
    shard: 's1',
  });
});

test('append says how long the value is now', async () => {
  const client = new FakeClient();
  await runFake(['append', 'log', 'one'], { client });
  const { stdout } = await runFake(['append', 'log', '-', '--json'], { client, stdin: ' two' });
  expect(JSON.parse(stdout.text)).toEqual({ key: 'log', length: 7, version: 102, shard: 's1', token: 'token-1' });
});

test('append counts one byte and several', async () => {
  const client = new FakeClient();
  expect((await runFake(['append', 'log', 'a'], { client })).stdout.text).toBe('log → s1, 1 byte, version 101\n');
  expect((await runFake(['append', 'log', 'b'], { client })).stdout.text).toBe('log → s1, 2 bytes, version 102\n');
});

test('put --ttl, expire, persist and ttl set and show the deadline', async () => {
  const client = new FakeClient();
  await runFake(['put', 'k', 'v', '--ttl', '30s'], { client });
  expect((await runFake(['ttl', 'k'], { client })).stdout.text).toBe('30s\n');
  const expire = await runFake(['expire', 'k', '2h', '--json'], { client });
  expect(JSON.parse(expire.stdout.text)).toMatchObject({ existed: true, expiresAtMs: fakeNowMs + 7_200_000 });
  expect((await runFake(['persist', 'k'], { client })).stdout.text).toBe('k never expires\n');
  const ttl = await runFake(['ttl', 'k', '--json'], { client });
  expect(JSON.parse(ttl.stdout.text)).toMatchObject({ key: 'k', exists: true, ttlMs: null });
  expect((await runFake(['put', 'k', 'v', '--ttl', 'never'], { client })).client.calls.at(-1)?.[3]).toMatchObject({
    ttlMs: 'never',
  });
});

test.each([
  ['expire', 'gone', '1s'],
  ['persist', 'gone'],
  ['ttl', 'gone'],
  ['delete', 'gone', '--get'],
])('%s of a record that is not there is exit code 1', async (...argv) => {
  const { exitCode, stdout, stderr } = await runFake(argv);
  expect([exitCode, stdout.text, stderr.text]).toEqual([1, '', 'edis: not found: gone\n']);
});

test('delete --get prints the value and removes it', async () => {
  const client = new FakeClient();
  await client.put('job', 'work');
  const { stdout } = await runFake(['delete', 'job', '--get'], { client });
  expect([stdout.text, client.records.size]).toEqual(['work\n', 0]);
});

test('a value on a terminal cannot act on it', async () => {
  const client = new FakeClient();
  await client.put('k', '\u001b]0;title\u0007two\nlines');
  const { stdout } = await runFake(['get', 'k'], { client, isTerminal: true });
  expect(stdout.text).toBe('\\x1b]0;title\\x07two\nlines\n');
});

function shardOf(key: unknown): string {
  return `s${String(key).length}`;
}

test('mput --atomic writes one batch and tells each part', async () => {
  const client = new FakeClient();
  client.shardOf = shardOf;
  const argv = ['mput', '--atomic', '--ttl', '1m', 'bb=2', 'a=1', 'c=3'];
  const plain = await runFake(argv, { client });
  expect([plain.exitCode, plain.stdout.text]).toEqual([0, 's1: 2 records written\ns2: 1 record written\n']);
  expect(client.calls[0]).toEqual([
    'batch',
    [
      { kind: 'put', key: 'bb', value: '2', ttlMs: 60_000 },
      { kind: 'put', key: 'a', value: '1', ttlMs: 60_000 },
      { kind: 'put', key: 'c', value: '3', ttlMs: 60_000 },
    ],
    { ack: undefined },
  ]);
  const json = await runFake([...argv, '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toEqual({
    applied: true,
    written: 3,
    parts: [
      { shard: 's1', status: 'done', keys: ['a', 'c'], versions: [105, 106] },
      { shard: 's2', status: 'done', keys: ['bb'], versions: [104] },
    ],
    token: 'client-token',
  });
});

test('a batch of which a part failed is exit code 3 and says which part', async () => {
  const client = new FakeClient();
  client.shardOf = shardOf;
  client.batchFailures.set('s2', { status: 'unknown', error: new EdisError('deadline', 'no answer in time') });
  const plain = await runFake(['mput', '--atomic', 'a=1', 'bb=2'], { client });
  expect([plain.exitCode, plain.stdout.text]).toEqual([
    3,
    's1: 1 record written\ns2: 1 record perhaps written, all or none: no answer in time\n',
  ]);
  const json = await runFake(['mput', '--atomic', 'a=1', 'bb=2', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({
    applied: false,
    written: 1,
    parts: [
      { shard: 's1', status: 'done' },
      { shard: 's2', status: 'unknown', keys: ['bb'], error: { code: 'deadline', message: 'no answer in time' } },
    ],
  });
});

test('a broken line of an atomic input writes nothing, however late it comes', async () => {
  const lines = Array.from({ length: 10_500 }, (_, index) => JSON.stringify({ key: `k${index}`, value: 'v' }));
  const { exitCode, stderr, client } = await runFake(['mput', '--atomic'], { stdin: [...lines, 'broken'].join('\n') });
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain('line 10501: is not JSON');
  expect(client.calls).toEqual([]);
});

test('records of NDJSON name their own TTL, and --ttl is for those that do not', async () => {
  const stdin = '{"key":"a","value":"1","ttlMs":5}\n{"key":"b","value":"1","ttlMs":"never"}\n{"key":"c","value":"1"}\n';
  const { client } = await runFake(['mput', '--ttl', '1s'], { stdin });
  const deadlines = [...client.records.values()].map(({ expiresAtMs }) => expiresAtMs);
  expect(deadlines).toEqual([fakeNowMs + 5, undefined, fakeNowMs + 1000]);
  const wrong = await runFake(['mput'], { stdin: '{"key":"a","value":"1","ttlMs":0}' });
  expect(wrong.stderr.text).toContain('line 1: "ttlMs" is neither "never" nor a whole number from 1 to');
});

test('a key with a control character is written by NDJSON alone, and read and deleted as any other', async () => {
  const client = new FakeClient();
  const key = 'bad\nkey\u001b';
  const stdin = `${JSON.stringify({ key, value: 'v' })}\n`;
  expect((await runFake(['mput'], { client, stdin })).exitCode).toBe(0);
  expect((await runFake(['put', key, 'w'], { client })).exitCode).toBe(2);
  expect((await runFake(['get', key], { client })).stdout.text).toBe('v\n');
  for (const argv of [
    ['mget', key],
    ['exists', key],
    ['expire', key, '1h'],
    ['persist', key],
    ['delete', key],
  ]) {
    expect((await runFake(argv, { client })).exitCode).toBe(0);
  }
  expect(client.records.size).toBe(0);
});
