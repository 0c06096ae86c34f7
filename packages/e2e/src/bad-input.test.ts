import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Edis } from './edis.ts';

/** Nobody listens on the port of tcpmux. */
const nobody = '127.0.0.1:1';
const mebibyte = 1024 * 1024;

let cluster: TestCluster;
let client: Client;
let edis: Edis;
/** What the cluster holds before the first mistake. */
let untouched: unknown;

/** All that is stored, as the primary has it now: the figures of `stats` come a moment later. */
async function contents(): Promise<unknown> {
  const records = await client.scan({ consistency: 'strong' }).toArray();
  return records.map(({ key, value, version, metadata, expiresAtMs }) => [key, value, version, metadata, expiresAtMs]);
}

beforeAll(async () => {
  cluster = await TestCluster.start({ shards: 1, replicas: 0 });
  client = await cluster.client();
  edis = new Edis(cluster.cluster.info);
  await client.put('text', 'no number', { metadata: { age: 'old' } });
  untouched = await contents();
});

afterAll(async () => {
  await cluster.close();
});

interface Mistake {
  readonly args: readonly string[];
  readonly code: string;
  readonly text: string;
  readonly exitCode?: number;
  readonly stdin?: string | Uint8Array;
}

const largeKey = 'k'.repeat(4097);
const brokenLines = '{"key":"first","value":"1"}\n\n{"key":"second","value":2}\n';
const usage = 'usage';
const invalid = 'invalid-argument';

const mistakes: readonly Mistake[] = [
  { args: ['put', '', 'v'], code: invalid, text: 'the key is empty; a key has at least 1 byte' },
  { args: ['put', largeKey, 'v'], code: invalid, text: 'the key has 4097 bytes; a key has at most 4096 bytes' },
  { args: ['get', largeKey], code: invalid, text: 'the key has 4097 bytes; a key has at most 4096 bytes' },
  {
    args: ['put', 'k', '-'],
    stdin: new Uint8Array(8 * mebibyte + 1),
    code: invalid,
    text: 'the value on stdin is larger than 8388608 bytes (8 MiB)',
  },
  {
    args: ['put', 'k', 'v', ...Array.from({ length: 65 }, (_, index) => `--meta=name-${index}=x`)],
    code: invalid,
    text: 'the metadata has 65 fields; at most 64 are allowed',
  },
  {
    args: ['put', 'k', 'v', '--meta', `large=${'x'.repeat(16 * 1024)}`],
    code: invalid,
    text: 'the metadata has 16389 bytes; at most 16384 are allowed',
  },
  { args: ['put', 'k', 'v', '--metta', 'a=b'], code: usage, text: 'unknown option --metta; did you mean --meta?' },
  { args: ['putt', 'k', 'v'], code: usage, text: "unknown command 'putt'; did you mean put?" },
  { args: ['put', 'k'], code: usage, text: 'VALUE is missing; usage: edis put KEY VALUE' },
  { args: ['locate'], code: usage, text: 'KEY is missing; usage: edis locate KEY' },
  { args: ['put', '-k', 'v'], code: usage, text: 'a key or value that begins with - goes after --' },
  {
    args: ['get', 'k', '--keyspace', 'nope'],
    code: 'no-such-keyspace',
    text: 'there is no keyspace nope; the cluster has default',
  },
  {
    args: ['watch', '--keyspace', 'nope'],
    code: 'no-such-keyspace',
    text: 'there is no keyspace nope; the cluster has default',
  },
  { args: ['scan', '--cursor', 'nonsense'], code: invalid, text: 'the cursor cannot be read' },
  { args: ['watch', '--from', 'nonsense'], code: invalid, text: 'the token of the feed cannot be read' },
  {
    args: ['aggregate', '--sum', 'age'],
    code: invalid,
    text: 'the field "age" of the record "text" is "old"; that is no decimal number that can be added up',
  },
  { args: ['put', 'k', 'v', '--ttl', '0'], code: usage, text: '--ttl is 0; it must be from 1ms to 36500d' },
  { args: ['put', 'k', 'v', '--ttl', '-5s'], code: usage, text: "--ttl: '-5s' is not a duration" },
  { args: ['incr', 'text', '1.5'], code: usage, text: "BY is '1.5'; it must be a whole number of 64 bits" },
  { args: ['incr', 'text'], code: invalid, text: 'the value is not an integer of 64 bits in decimal digits' },
  {
    args: ['put', 'a\u0001b\u001b[31m', 'v'],
    code: usage,
    text: 'put: KEY has a control character, U+0001, as character 2; if it is meant, write the record with mput',
  },
  { args: ['incr', 'bad\nkey', '2'], code: usage, text: 'incr: KEY has a control character, U+000A, as character 4' },
  {
    args: ['import', '--from-line', '9'],
    stdin: '{"key":"first","value":"1"}\n',
    code: usage,
    text: 'import: --from-line is 9, but stdin has only 1 line; nothing was written',
  },
  { args: ['get', 'k', '--after', 'nonsense'], code: invalid, text: 'the session token cannot be read' },
  { args: ['get', 'k', '--timeout', 'soon'], code: usage, text: "--timeout: 'soon' is not a duration" },
  { args: ['get', 'k', '--max-staleness', '5'], code: usage, text: "--max-staleness: '5' is not a duration" },
  { args: ['mput'], stdin: brokenLines, code: invalid, text: 'line 3: "value" is neither a text nor {"base64":…}' },
  { args: ['mput'], stdin: '{"key":"first"', code: invalid, text: 'line 1: is not JSON' },
  {
    args: ['mput'],
    stdin: String.raw`{"key":"half\ud83d","value":"1"}`,
    code: invalid,
    text: 'line 1: "key" has half a surrogate pair, which UTF-8 cannot store; give its bytes as {"base64":…}',
  },
  { args: ['mput', 'novalue'], code: usage, text: "'novalue' is not KEY=VALUE" },
  {
    args: ['get', 'k', '--info', nobody, '--timeout', '300ms'],
    code: 'unreachable',
    exitCode: 3,
    text: `info at ${nobody} did not answer within 300 ms`,
  },
  { args: ['health', nobody, '--timeout', '5s'], code: 'unreachable', exitCode: 3, text: `${nobody} is not healthy` },
];

function titleOf({ args }: Mistake): string {
  const words = args.map((arg) => (arg.length > 24 ? `${arg.slice(0, 20)}…` : arg));
  // A control character of a key is shown and does not act.
  return `edis ${JSON.stringify(words.slice(0, 5).join(' ')).slice(1, -1)}`;
}

function withTitles(chosen: readonly Mistake[]): (readonly [string, Mistake])[] {
  return chosen.map((mistake) => [titleOf(mistake), mistake] as const);
}

test.each(withTitles(mistakes))(
  '%s is one clear line and its exit code',
  async (_title, { args, text, exitCode = 2, stdin = '' }) => {
    const { stderr, ...ended } = await edis.run(args, { stdin });
    expect(ended).toMatchObject({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(/^edis: [^\n]+\n$/);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/\bat \S+:\d+:\d+|Error:|Resolution note/);
    expect(await contents()).toEqual(untouched);
  },
);

const oneOfEachCode = mistakes.filter(({ code }, index) => mistakes.findIndex((each) => each.code === code) === index);

test.each(withTitles(oneOfEachCode))(
  '%s --json is one error document on stderr',
  async (_title, { args, code, text, exitCode = 2, stdin = '' }) => {
    const { stderr, ...ended } = await edis.run(['--json', ...args], { stdin });
    expect(ended).toMatchObject({ code: exitCode, stdout: '' });
    const document: unknown = JSON.parse(stderr);
    expect(document).toEqual({ error: { code, message: expect.stringContaining(text) } });
    expect(await contents()).toEqual(untouched);
  },
);

test('an input with a broken line changes nothing', async () => {
  expect((await edis.run(['mput'], { stdin: brokenLines })).stderr).toContain('no earlier record was written');
  expect(await client.exists('first')).toBe(false);
  expect(await contents()).toEqual(untouched);
});

test('an info that nobody answers at is given up within the timeout', async () => {
  const startMs = performance.now();
  await expect(connect({ info: nobody, timeoutMs: 500 })).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining(nobody),
  });
  expect(performance.now() - startMs).toBeLessThan(3000);
});

test('a deadline in the past writes nothing: mput says so, import leaves the record out', async () => {
  const stdin = '{"key":"late","value":"1","expiresAtMs":5}\n';
  const { stderr, ...ended } = await edis.run(['mput'], { stdin });
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^edis: 0 of 1 record written; line 1: the deadline 5 has passed[^\n]*; nothing was written\n$/,
  );
  expect(await edis.run(['import'], { stdin })).toMatchObject({
    code: 0,
    stdout: '0 records written, 1 left out: their deadline has passed\n',
  });
  expect(await contents()).toEqual(untouched);
});

test('an import with a broken line has written those before it alone, and goes on from there', async () => {
  const lines = ['{"key":"import:1","value":"1"}', '{"key":"import:2","value":"2"}', '{"key":"import:3","val'];
  const stdin = `${lines.join('\n')}\n{"key":"import:4","value":"4"}\n`;
  const before = await client.count();
  const { stderr, ...ended } = await edis.run(['import'], { stdin });
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^edis: line 3: is not JSON; [^\n]*; the lines before 3 are all done, 2 records written now; /,
  );
  expect(stderr).toContain('correct the line, then go on with: edis import - --from-line 3');
  expect(await client.keys({ prefix: 'import:' }).toArray()).toEqual(['import:1', 'import:2']);
  expect(await client.count()).toBe(before + 2);
  const corrected = stdin.replace('"val\n', '"value":"3"}\n');
  expect(await edis.run(['import', '-', '--from-line', '3'], { stdin: corrected })).toMatchObject({
    code: 0,
    stdout: '2 records written (s1: 2)\n',
  });
  expect(await client.count()).toBe(before + 4);
});

test('tokens and cursors of another cluster are refused, and name both clusters', async () => {
  const other = await TestCluster.start({ shards: 1, replicas: 0 });
  try {
    const there = await other.client();
    const { token } = await there.put('k', 'v');
    await there.put('l', 'v');
    const scan = there.scan({ limit: 1 });
    await scan.toArray();
    const feedTokens: string[] = [];
    for await (const event of there.watch({ from: 'start' })) {
      if (feedTokens.push(event.token) === 1) break;
    }
    const unchanged = await contents();
    for (const args of [
      ['get', 'k', '--after', token],
      ['scan', '--cursor', scan.cursor ?? ''],
      ['watch', '--from', feedTokens[0] ?? ''],
    ]) {
      const { code, stderr, stdout } = await edis.run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`belongs to cluster ${there.topology().cluster}`);
      expect(stderr).toContain(`this is cluster ${client.topology().cluster}`);
    }
    await expect(client.get('k', { after: token })).rejects.toMatchObject({ code: invalid });
    expect(await contents()).toEqual(unchanged);
  } finally {
    await other.close();
  }
});

describe('exit codes of single keys', () => {
  test('a record: put, get, exists and delete end with 0', async () => {
    for (const args of [
      ['put', 'there', 'v'],
      ['get', 'there'],
      ['exists', 'there'],
      ['delete', 'there'],
    ]) {
      expect(await edis.run(args)).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test('no record: get, exists and delete end with 1', async () => {
    const [get, exists, deleted] = await Promise.all(
      ['get', 'exists', 'delete'].map((command) => edis.run([command, 'missing'])),
    );
    expect(get).toMatchObject({ code: 1, stdout: '', stderr: 'edis: not found: missing\n' });
    expect(exists).toMatchObject({ code: 1, stdout: 'false\n', stderr: '' });
    expect(deleted).toMatchObject({ code: 1, stdout: '', stderr: 'edis: not found: missing\n' });
  });

  test('a condition that does not hold ends with 1 and changes nothing', async () => {
    await client.put('held', 'v');
    const { code, stdout, stderr } = await edis.run(['put', 'held', 'w', '--if-absent']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^edis: condition failed: the record has version \d+; held is unchanged\n$/);
  });
});

describe('bytes that are awkward to type', () => {
  test('a value that is not UTF-8 goes in by stdin, and comes out as base64 in JSON', async () => {
    const bytes = Uint8Array.from([0xff, 0x00, 0xfe, 0x0a, 0x80]);
    expect(await edis.run(['put', 'bytes', '-'], { stdin: bytes })).toMatchObject({ code: 0 });
    const { documents } = await edis.json('get', 'bytes');
    expect(documents).toMatchObject([{ key: 'bytes', value: { base64: Buffer.from(bytes).toString('base64') } }]);
    expect(Buffer.from((await client.get('bytes'))?.value ?? [])).toEqual(Buffer.from(bytes));
  });

  test('NDJSON takes keys and values as base64', async () => {
    const stdin = '{"key":{"base64":"/wA="},"value":{"base64":"gIE="},"metadata":{"a":"b"}}\n';
    expect(await edis.run(['mput'], { stdin })).toMatchObject({ code: 0 });
    const read = await client.get(Uint8Array.from([0xff, 0x00]));
    expect(read).toMatchObject({ metadata: { a: 'b' } });
    expect([...(read?.value ?? [])]).toEqual([0x80, 0x81]);
  });

  test('a key that begins with - goes after --', async () => {
    expect(await edis.run(['put', '--', '-key', '-value'])).toMatchObject({ code: 0 });
    expect(await edis.run(['get', '--', '-key'])).toMatchObject({ code: 0, stdout: '-value\n' });
  });
});

describe('the SDK refuses before it sends', () => {
  test.each([
    ['an empty key', () => client.put('', 'v'), 'at least 1 byte'],
    ['a large key', () => client.get(largeKey), 'at most 4096 bytes'],
    ['a large value', () => client.put('k', new Uint8Array(8 * mebibyte + 1)), 'at most 8388608 bytes'],
    ['large metadata', () => client.put('k', 'v', { metadata: { a: 'x'.repeat(16_384) } }), 'at most 16384'],
    ['a broken token', () => client.get('k', { after: 'x' }), 'the session token cannot be read'],
    ['no time', () => client.get('k', { timeoutMs: 0 }), 'timeoutMs is 0'],
  ])('%s', async (_what, call, text) => {
    await expect(call()).rejects.toMatchObject({ code: invalid, message: expect.stringContaining(text) });
  });

  test('a keyspace that does not exist', async () => {
    const lost = await cluster.client({ keyspace: 'nope' });
    await expect(lost.put('k', 'v')).rejects.toMatchObject({ code: 'no-such-keyspace' });
  });
});
