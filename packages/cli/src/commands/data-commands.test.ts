import { Readable } from 'node:stream';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';

async function clientWith(records: Record<string, string | Uint8Array>): Promise<FakeClient> {
  const client = new FakeClient();
  for (const [key, value] of Object.entries(records)) await client.put(key, value);
  client.calls.length = 0;
  return client;
}

test('put prints key, version, shard and token', async () => {
  const { exitCode, stdout, client } = await runFake(['put', 'k', 'v', '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.text)).toEqual({ key: 'k', version: 101, shard: 's1', token: 'token-1' });
  expect(client.calls).toEqual([['put', 'k', 'v', { ack: undefined, metadata: undefined, ifVersion: undefined }]]);
});

test.each([
  ['007', '1e3'],
  ['-', 'true'],
  ['', ' '],
  ['__proto__', 'constructor'],
  ['ключ', '値'],
])('key %o and value %o stay what they were typed as', async (key, value) => {
  const { client } = await runFake(['put', '--', key, value]);
  expect(client.calls[0]?.slice(0, 3)).toEqual(['put', key, value]);
});

test('what follows -- is never an option', async () => {
  const { client } = await runFake(['put', '--ack', 'memory', '--', '-h', '--ack']);
  expect(client.calls).toEqual([['put', '-h', '--ack', expect.objectContaining({ ack: 'memory' })]]);
});

test('metadata comes from one or more --meta, each with one or more pairs', async () => {
  const { client } = await runFake(['put', 'k', 'v', '--meta', 'a=1', 'b=2=3', '--meta', 'c=']);
  expect(client.calls[0]?.[3]).toMatchObject({ metadata: { a: '1', b: '2=3', c: '' } });
});

test('the value - is all of stdin, byte for byte', async () => {
  const bytes = Buffer.from([0, 255, 10, 13]);
  const { client } = await runFake(['put', 'k', '-'], { stdin: bytes });
  expect(client.records.get('k')?.value).toEqual(bytes);
});

test('a value on stdin above the limit is refused before it is all read', async () => {
  let pulled = 0;
  const endless = new Readable({
    read() {
      pulled += 1;
      this.push(Buffer.alloc(1024 * 1024));
    },
  });
  const { exitCode, stderr, client } = await runFake(['put', 'k', '-'], { stdin: endless });
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain('larger than 8388608 bytes (8 MiB)');
  expect(client.calls).toEqual([]);
  expect(pulled).toBeLessThan(20);
});

test('a condition that does not hold is exit code 1 and shows the version that is there', async () => {
  const client = await clientWith({ k: 'old' });
  const json = await runFake(['put', 'k', 'new', '--if-absent', '--json'], { client });
  expect(json.exitCode).toBe(1);
  expect(JSON.parse(json.stdout.text)).toEqual({
    key: 'k',
    applied: false,
    version: 101,
    shard: 's1',
    token: 'token-1',
  });
  const plain = await runFake(['put', 'gone', 'new', '--if-version', '5'], { client });
  expect(plain.exitCode).toBe(1);
  expect(plain.stdout.text).toBe('');
  expect(plain.stderr.text).toBe('edis: condition failed: there is no record; gone is unchanged\n');
});

test('get --json has the whole record and who served it', async () => {
  const { stdout } = await runFake(['get', 'k', '--json'], { client: await clientWith({ k: 'v' }) });
  expect(JSON.parse(stdout.text)).toEqual({
    key: 'k',
    value: 'v',
    metadata: {},
    version: 101,
    expiresAtMs: null,
    shard: 's1',
    token: 'token-1',
    servedBy: { node: 'read-shard-1-1', role: 'learner', shard: 's1' },
    stalenessMs: 12,
  });
});

test.each([
  ['text', 'text\n'],
  ['text that ends itself\n', 'text that ends itself\n'],
  ['', '\n'],
])('get prints the text %o with one newline at its end', async (value, printed) => {
  const { stdout } = await runFake(['get', 'k'], { client: await clientWith({ k: value }) });
  expect(stdout.text).toBe(printed);
});

test('get prints bytes that are no text as they are, and as base64 in JSON', async () => {
  const value = Buffer.from([0xff, 0xfe, 0x00]);
  const client = await clientWith({ k: value });
  expect((await runFake(['get', 'k'], { client })).stdout.bytes).toEqual(value);
  expect((await runFake(['get', 'k'], { client, isTerminal: true })).stdout.bytes.at(-1)).toBe(10);
  const json = await runFake(['get', 'k', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({ value: { base64: '//4A' } });
});

test('a record that is not there is exit code 1 for get, exists and delete', async () => {
  const get = await runFake(['get', 'k']);
  expect([get.exitCode, get.stdout.text, get.stderr.text]).toEqual([1, '', 'edis: not found: k\n']);
  const exists = await runFake(['exists', 'k']);
  expect([exists.exitCode, exists.stdout.text]).toEqual([1, 'false\n']);
  const remove = await runFake(['delete', 'k', '--json']);
  expect(remove.exitCode).toBe(1);
  expect(JSON.parse(remove.stdout.text)).toMatchObject({ key: 'k', existed: false, version: 0 });
});

test('reads pass on how fresh they must be', async () => {
  const bounded = await runFake(['get', 'k', '--max-staleness', '500ms']);
  expect(bounded.client.calls).toEqual([['get', 'k', { maxStalenessMs: 500 }]]);
  const session = await runFake(['exists', 'k', '--after', 'T', '--consistency', 'session']);
  expect(session.client.calls).toEqual([['exists', 'k', { consistency: 'session', after: 'T' }]]);
});

test('mget prints a line for each key in its order and says which are missing', async () => {
  const client = await clientWith({ a: '1', c: '3' });
  const plain = await runFake(['mget', 'c', 'b', 'a'], { client });
  expect([plain.exitCode, plain.stdout.text, plain.stderr.text]).toEqual([1, 'c\t3\na\t1\n', 'edis: not found: b\n']);
  const json = await runFake(['mget', 'a', 'b', '--json'], { client });
  const lines = json.stdout.text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { key: 'a', value: '1' },
    { key: 'b', value: null },
  ]);
});

test('mput writes pairs of the command line', async () => {
  const { exitCode, stdout, client } = await runFake(['mput', 'a=1', 'b=x=y', '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.text)).toEqual({
    records: [
      { key: 'a', version: 101, shard: 's1' },
      { key: 'b', version: 102, shard: 's1' },
    ],
    written: 2,
    failed: 0,
    shards: { s1: 2 },
    token: 'client-token',
  });
  expect(client.records.get('b')?.value.toString()).toBe('x=y');
});

test('mput writes NDJSON of stdin, texts and base64', async () => {
  const stdin =
    '{"key":"a","value":"1","metadata":{"m":"2"}}\n\n{"key":{"base64":"Yg=="},"value":{"base64":"/w=="}}\r\n';
  const { exitCode, stdout, client } = await runFake(['mput'], { stdin });
  expect([exitCode, stdout.text]).toEqual([0, '2 records written (s1: 2)\n']);
  expect(client.records.get('a')?.metadata).toEqual({ m: '2' });
  expect(client.records.get('b')?.value).toEqual(Buffer.from([255]));
});

test.each([
  ['{"key":"b"', 'is not JSON'],
  ['{"key":"b"}', 'needs "key" and "value"'],
  ['[1]', 'needs "key" and "value"'],
  ['{"key":7,"value":"v"}', '"key" is neither a text nor'],
  ['{"key":"b","value":{"base64":"%"}}', '"value" is neither a text nor'],
  ['{"key":"","value":"v"}', '"key" is empty'],
  ['{"key":"b","value":"v","metadata":{"m":1}}', '"metadata" maps texts to texts'],
  ['{"key":"b","value":"v","ttl":1}', '"ttl" has no meaning'],
])('a broken line %o is named and nothing of a small input is written', async (line, text) => {
  const { exitCode, stderr, client } = await runFake(['mput'], { stdin: `{"key":"a","value":"1"}\n${line}\n` });
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain(`line 2: ${text}`);
  expect(stderr.text).toContain('no earlier record was written');
  expect(client.records.size).toBe(0);
});

test('a broken line late in a long input tells how many records were written before', async () => {
  const lines = Array.from({ length: 10_500 }, (_, index) => JSON.stringify({ key: `k${index}`, value: 'v' }));
  const { exitCode, stderr, client } = await runFake(['mput'], { stdin: [...lines, 'broken'].join('\n') });
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain('line 10501: is not JSON');
  expect(stderr.text).toContain('10 000 earlier records were written');
  expect(client.records.size).toBe(10_000);
});

test('mput says of each key whether it was written, and names the first one that was not', async () => {
  const client = new FakeClient();
  client.keyFailures.set('b', new EdisError('deadline', 'no answer in time', { outcomeUnknown: true }));
  const plain = await runFake(['mput', 'a=1', 'b=2', 'c=3'], { client });
  expect([plain.exitCode, plain.stdout.text]).toEqual([3, '']);
  expect(plain.stderr.text).toMatch(/^edis: 2 of 3 records written; b: no answer in time[^;]*$/);
  const json = await runFake(['mput', 'a=1', 'b=2', 'c=3', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({
    records: [
      { key: 'a', version: 103 },
      { key: 'b', error: { code: 'deadline', message: 'no answer in time', outcomeUnknown: true } },
      { key: 'c', version: 104 },
    ],
    written: 2,
    failed: 1,
    shards: { s1: 2 },
  });
  expect(JSON.parse(json.stderr.text)).toMatchObject({ error: { code: 'deadline', outcomeUnknown: true } });
});

test('mput names the line of a record that was not written, and sends no more', async () => {
  const client = new FakeClient();
  client.keyFailures.set('k1', new EdisError('expired', 'the deadline 5 has passed'));
  const lines = Array.from({ length: 5_000 }, (_, index) => JSON.stringify({ key: `k${index}`, value: 'v' }));
  const { exitCode, stderr } = await runFake(['mput'], { client, stdin: `\n${lines.join('\n')}` });
  expect([exitCode, stderr.text]).toEqual([
    2,
    'edis: 1 999 of 2 000 records written; line 3: the deadline 5 has passed\n',
  ]);
  expect(client.records.size).toBe(1_999);
});

test('mput --json of a long input is one document, also when a line late in it is broken', async () => {
  const lines = Array.from({ length: 10_500 }, (_, index) => JSON.stringify({ key: `k${index}`, value: 'v' }));
  const { stdout } = await runFake(['mput', '--json'], { stdin: [...lines, 'broken'].join('\n') });
  const records = Array.from({ length: 10_000 }, (_, index) => ({ key: `k${index}`, version: 101 + index }));
  expect(JSON.parse(stdout.text)).toMatchObject({ records, written: 10_000, failed: 0, shards: { s1: 10_000 } });
  const nothing = await runFake(['mput', '--json'], { stdin: 'broken' });
  expect(nothing.stdout.text).toBe('');
});

test('writing nothing says so without shards', async () => {
  expect((await runFake(['mput'])).stdout.text).toBe('0 records written\n');
  expect((await runFake(['import'])).stdout.text).toBe('0 records written\n');
  const empty = await runFake(['mput', '--json']);
  expect(JSON.parse(empty.stdout.text)).toEqual({
    records: [],
    written: 0,
    failed: 0,
    shards: {},
    token: 'client-token',
  });
});

test('numbers of records are grouped alike', async () => {
  const stdin = Array.from({ length: 1_200 }, (_, index) => `{"key":"k${index}","value":"v"}\n`).join('');
  for (const command of ['mput', 'import']) {
    expect((await runFake([command], { stdin })).stdout.text).toBe('1 200 records written (s1: 1 200)\n');
  }
});

test.each([
  ['text without a newline', false],
  ['\u001b[2J', true],
])('get --raw prints %o exactly as it is', async (value, isTerminal) => {
  const { stdout } = await runFake(['get', 'k', '--raw'], { client: await clientWith({ k: value }), isTerminal });
  expect(stdout.text).toBe(value);
});

test('get --raw is no JSON', async () => {
  const { exitCode, stderr } = await runFake(['get', 'k', '--raw', '--json']);
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining('--raw and --json exclude each other')]);
});
