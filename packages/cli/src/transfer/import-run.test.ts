import type { ConditionalPutOptions, Key, PutResult, Value } from '@edis/client';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { FakeClient, fakeNowMs } from '../testing/fake-client.ts';
import type { ImportOptions } from './import-run.ts';
import { ImportRun } from './import-run.ts';
import { readLines } from './input-lines.ts';
import { formatRecordLine } from './record-line.ts';

/** Acknowledges when it is told to, and remembers how many were waiting at once. */
class SlowClient extends FakeClient {
  waiting: { readonly key: string; readonly done: () => void; readonly fail: (error: EdisError) => void }[] = [];
  most = 0;
  automatic = false;

  override async put(key: Key, value: Value, options?: ConditionalPutOptions): Promise<PutResult> {
    if (!this.automatic) {
      await new Promise<void>((resolve, reject) => {
        this.waiting.push({ key: String(key), done: resolve, fail: reject });
        this.most = Math.max(this.most, this.waiting.length);
      });
    }
    return super.put(key, value, options);
  }

  finish(): void {
    this.automatic = true;
    for (const { done } of this.waiting) done();
    this.waiting = [];
  }
}

function options(change: Partial<ImportOptions> = {}): ImportOptions {
  return {
    fromLine: 1,
    batchRecords: 2,
    ack: undefined,
    timeoutMs: 1000,
    stopReading: new AbortController().signal,
    giveUp: new AbortController().signal,
    onProgress: () => {},
    ...change,
  };
}

function run(client: FakeClient, text: string, change: Partial<ImportOptions> = {}) {
  return new ImportRun(client, options(change)).run(readLines(pieces(text)));
}

async function* pieces(text: string, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function record(key: string, value = 'v'): string {
  return `${JSON.stringify({ key, value })}\n`;
}

test('records come back from an export as they were, with bytes and deadlines', async () => {
  const source = new FakeClient();
  await source.put('a\u2028b', 'line\nline', { metadata: { team: 'core' } });
  await source.put('deadline', Buffer.from([255, 0]), { ttlMs: 5000 });
  await source.put('empty', '');
  let text = '';
  for await (const found of source.scan()) text += `${formatRecordLine(found)}\n`;
  const copy = new FakeClient();
  const report = await run(copy, text);
  expect(report).toMatchObject({ written: 3, expired: 0, nextLine: undefined, error: undefined });
  const contents = (client: FakeClient) =>
    [...client.records].map(([key, { value, metadata, expiresAtMs }]) => [key, [...value], metadata, expiresAtMs]);
  expect(contents(copy)).toEqual(contents(source));
});

test('a record that was exported without a deadline does not get the default of the keyspace', async () => {
  const client = new FakeClient();
  await run(client, '{"key":"a","value":"1","expiresAtMs":null}\n{"key":"b","value":"1"}\n');
  expect(client.calls.map(([, key, , given]) => [key, given])).toMatchObject([
    ['a', { ttlMs: 'never' }],
    ['b', { ttlMs: undefined }],
  ]);
});

test('a record is written whose deadline has passed by the clock of this machine alone', async () => {
  const client = new FakeClient();
  const text = `{"key":"early","value":"1","expiresAtMs":1}\n${record('kept')}`;
  expect(await run(client, text)).toMatchObject({ written: 2, expired: 0, nextLine: undefined });
  expect(client.records.get('early')?.expiresAtMs).toBe(1);
});

test('a record whose deadline has passed, by the clock of the shard, is left out and counted', async () => {
  const client = new SlowClient();
  const importing = run(client, `{"key":"late","value":"1","expiresAtMs":${fakeNowMs + 1}}\n${record('kept')}`);
  await expect.poll(() => client.waiting.length).toBe(2);
  client.waiting[0]?.fail(new EdisError('expired', 'the deadline has passed'));
  client.finish();
  expect(await importing).toMatchObject({ written: 1, expired: 1, nextLine: undefined, error: undefined });
});

test('what scan --json prints can be imported', async () => {
  const client = new FakeClient();
  const line = '{"key":"a","value":"1","metadata":{},"version":7,"expiresAtMs":null,"shard":"s1","token":"t",';
  expect(await run(client, `${line}"servedBy":{},"stalenessMs":3}`)).toMatchObject({ written: 1, nextLine: undefined });
});

test.each([
  ['{"key":', 'is not JSON'],
  ['[1]', 'needs "key" and "value"'],
  ['{"key":"a"}', 'needs "key" and "value"'],
  ['{"key":5,"value":"v"}', '"key" is neither a text nor {"base64":…}'],
  ['{"key":"","value":"v"}', '"key" is empty'],
  ['{"key":"a","value":{"base64":"?"}}', '"value" is neither'],
  [
    String.raw`{"key":"a\ud83d","value":"v"}`,
    '"key" has half a surrogate pair, which UTF-8 cannot store; give its bytes as {"base64":…}',
  ],
  [String.raw`{"key":"a","value":"\udc00"}`, '"value" has half a surrogate pair'],
  [String.raw`{"key":"a","value":"v","metadata":{"b":"\udc00"}}`, '"metadata" has half a surrogate pair in "b"'],
  [`{"key":"${'k'.repeat(4097)}","value":"v"}`, '"key" has 4097 bytes; at most 4096'],
  ['{"key":"a","value":"v","metadata":{"b":1}}', '"metadata" maps texts to texts'],
  [`{"key":"a","value":"v","metadata":{"b":"${'x'.repeat(16_384)}"}}`, '"metadata" has 16385 bytes'],
  ['{"key":"a","value":"v","ttl":5}', '"ttl" has no meaning; only key, value, metadata, expiresAtMs, ttlMs have'],
  ['{"key":"a","value":"v","ttlMs":0}', '"ttlMs" is neither "never" nor a whole number'],
  ['{"key":"a","value":"v","ttlMs":-5}', '"ttlMs" is neither "never" nor a whole number'],
  ['{"key":"a","value":"v","expiresAtMs":"soon"}', '"expiresAtMs" is neither null nor whole milliseconds'],
  ['{"key":"a","value":"v","expiresAtMs":5,"ttlMs":5}', 'exclude each other'],
])('the line %s stops the import; all lines before it are written, none behind it', async (line, fault) => {
  const client = new FakeClient();
  const report = await run(client, `${record('a')}\n${record('b')}${record('c')}${line}\n${record('d')}`);
  expect(report).toMatchObject({ written: 3, nextLine: 5, badLine: true });
  expect(report.error?.message).toContain(fault);
  expect([...client.records.keys()]).toEqual(['a', 'b', 'c']);
});

test('bytes that are not UTF-8 are an error of their line, and not replaced', async () => {
  const input = (async function* () {
    yield Buffer.from(record('a'));
    yield Buffer.concat([Buffer.from('{"key":"'), Buffer.from([255]), Buffer.from('","value":"v"}\n')]);
  })();
  const report = await new ImportRun(new FakeClient(), options()).run(readLines(input));
  expect([report.nextLine, report.error?.message]).toEqual([2, 'is not UTF-8']);
});

test('a write that fails names the first line that is not certainly written', async () => {
  const client = new SlowClient();
  const importing = run(client, ['a', 'b', 'c', 'd'].map((key) => record(key)).join(''));
  await expect.poll(() => client.waiting.length).toBe(4);
  client.waiting[3]?.fail(new EdisError('busy', 'the queue is full'));
  client.waiting[1]?.fail(new EdisError('deadline', 'no answer in time'));
  client.finish();
  const report = await importing;
  expect(report).toMatchObject({ written: 2, nextLine: 2, badLine: false });
  expect(report.error?.code).toBe('deadline');
});

test('from a line on, earlier ones are not even read', async () => {
  const client = new FakeClient();
  expect(await run(client, `not json\n${record('b')}`, { fromLine: 2 })).toMatchObject({ written: 1 });
});

test('a line that is too long is a fault of its own, and those behind it are lines still', async () => {
  const piece = 'x'.repeat(1024 * 1024);
  const input = async function* () {
    for (let count = 0; count < 50; count += 1) yield piece;
    yield `${piece}\n${record('b')}`;
  };
  const report = await new ImportRun(new FakeClient(), options()).run(readLines(input()));
  expect([report.nextLine, report.error?.message]).toEqual([1, expect.stringContaining('is longer than')]);
  const behind = await new ImportRun(new FakeClient(), options({ fromLine: 2 })).run(readLines(input()));
  expect(behind).toMatchObject({ written: 1, lineCount: 2, nextLine: undefined });
});

test('however long the input, few writes are in flight', async () => {
  const client = new SlowClient();
  const text = Array.from({ length: 100 }, (_, index) => record(`k${index}`)).join('');
  const importing = run(client, text);
  await expect.poll(() => client.waiting.length).toBe(8);
  client.finish();
  expect(await importing).toMatchObject({ written: 100 });
  expect(client.most).toBe(8);
});

test('two lines with one key are never in flight together, and the later one wins', async () => {
  const client = new SlowClient();
  const importing = run(client, record('a', 'first') + record('b') + record('a', 'second'));
  await expect.poll(() => client.waiting.length).toBe(2);
  expect(client.waiting.map(({ key }) => key)).toEqual(['a', 'b']);
  client.finish();
  expect(await importing).toMatchObject({ written: 3 });
  expect(Buffer.from(client.records.get('a')?.value ?? []).toString()).toBe('second');
});

test('interrupted, it waits for what was sent and says where to go on', async () => {
  const client = new SlowClient();
  const stop = new AbortController();
  const endless = (async function* () {
    yield Buffer.from(record('a') + record('b') + record('c'));
    await new Promise((_, reject) => {
      stop.signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
  })();
  const importing = new ImportRun(client, options({ stopReading: stop.signal })).run(readLines(endless));
  await expect.poll(() => client.waiting.length).toBe(2);
  stop.abort();
  client.finish();
  const report = await importing;
  // The third line was read, and not sent.
  expect(report).toMatchObject({ written: 2, nextLine: 3 });
  expect(report.error?.code).toBe('aborted');
});

test('an input that breaks off says so', async () => {
  const broken = (async function* () {
    yield Buffer.from(record('a'));
    throw new Error('EIO: i/o error');
  })();
  const report = await new ImportRun(new FakeClient(), options()).run(readLines(broken));
  expect(report).toMatchObject({ written: 1, nextLine: 2 });
  expect(report.error?.message).toContain('the input cannot be read: EIO');
});
