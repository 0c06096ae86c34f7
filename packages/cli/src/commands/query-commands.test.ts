import { PassThrough } from 'node:stream';
import type { GetResult, WatchEvent } from '@edis/client';
import { EdisError, type Topology } from '@edis/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCli } from '../cli.ts';
import { FakeClient } from '../testing/fake-client.ts';
import { FakeStream } from '../testing/fake-stream.ts';
import { fakeWorld, runFake } from '../testing/fake-world.ts';
import { sampleTopology } from '../testing/sample-cluster.ts';

async function clientWith(keys: readonly string[], metadata: Record<string, string> = {}): Promise<FakeClient> {
  const client = new FakeClient();
  for (const key of keys) await client.put(key, `value of ${key}`, { metadata });
  client.calls.length = 0;
  return client;
}

function documents(text: string): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

test('scan prints a record a line in order, and the cursor on stderr when a limit ended it', async () => {
  const client = await clientWith(['b', 'a', 'c']);
  const whole = await runFake(['scan'], { client });
  expect([whole.exitCode, whole.stdout.text, whole.stderr.text]).toEqual([
    0,
    'a\tvalue of a\nb\tvalue of b\nc\tvalue of c\n',
    '',
  ]);
  const part = await runFake(['scan', '--limit', '2', '--json'], { client });
  expect(documents(part.stdout.text)).toMatchObject([{ key: 'a' }, { key: 'b' }]);
  expect(JSON.parse(part.stderr.text)).toEqual({ cursor: '2' });
  const rest = await runFake(['scan', '--cursor', '2', '--json'], { client });
  expect(documents(rest.stdout.text)).toMatchObject([{ key: 'c' }]);
  expect(rest.stderr.text).toBe('');
});

test('scan passes range, page and freshness on', async () => {
  const { client } = await runFake(['scan', '--from', 'a', '--to', 'b', '--max-staleness', '1s', '--limit', '5']);
  expect(client.calls).toEqual([['scan', { from: 'a', to: 'b', limit: 5, maxStalenessMs: 1000 }]]);
});

test('keys and scan --keys-only print keys alone, control characters escaped', async () => {
  const client = await clientWith(['plain', 'two\nlines', '\u001b[31mred', 'right\u202eleft']);
  const lines = [String.raw`\x1b[31mred`, 'plain', String.raw`right\u202eleft`, String.raw`two\nlines`, ''].join('\n');
  for (const argv of [['keys'], ['scan', '--keys-only']]) {
    expect((await runFake(argv, { client, isTerminal: true })).stdout.text).toBe(lines);
  }
  const json = await runFake(['keys', '--prefix', 'two', '--json'], { client });
  expect(documents(json.stdout.text)).toMatchObject([{ key: 'two\nlines' }]);
});

test('count prints a number', async () => {
  const client = await clientWith(['a1', 'a2', 'b']);
  expect((await runFake(['count'], { client })).stdout.text).toBe('3\n');
  const prefix = await runFake(['count', '--prefix', 'a', '--json'], { client });
  expect(JSON.parse(prefix.stdout.text)).toMatchObject({ keyspace: 'default', count: 2 });
});

test('a reader that goes away ends a scan early and without an error', async () => {
  const client = await clientWith(Array.from({ length: 20_000 }, (_, index) => `key-${index}`));
  const stdout = new PassThrough();
  const { world, stderr } = fakeWorld({ client });
  const { Output } = await import('../output.ts');
  const output = new Output(stdout, stdout, { isTerminal: false, columns: undefined });
  const run = runCli(['scan', '--json'], { ...world, output });
  stdout.once('data', () => stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })));
  expect(await run).toBe(0);
  expect(output.closed).toBe(true);
  expect(stderr.text).toBe('');
});

test('search turns its arguments into conditions', async () => {
  const { client } = await runFake(['search', 'team=core=a', 'name^=b', 'age>=18', 'age<30', 'size>1', 'rank<=2']);
  expect(client.calls).toEqual([
    [
      'search',
      {
        team: { equals: 'core=a' },
        name: { prefix: 'b' },
        age: { gte: '18', lt: '30' },
        size: { gt: '1' },
        rank: { lte: '2' },
      },
      {},
    ],
  ]);
});

test('a range of numbers over a field of texts is answered with a note that says how it compares', async () => {
  for (const command of [['search'], ['aggregate', '--count']]) {
    const noted = await runFake([...command, 'age>=18', 'name>=b']);
    expect(noted.exitCode).toBe(0);
    expect(noted.stderr.text).toContain('age is ordered as text in keyspace default, where 9 is above 18');
    expect(noted.stderr.text).toContain('--index age:number');
    expect(noted.stderr.text).not.toContain('name');
    expect((await runFake([...command, 'age>=18', '--json'])).stderr.text).toBe('');
  }
});

test('search is a table on a terminal, lines in a pipe and documents with --json', async () => {
  const client = await clientWith(['k1', 'k2'], { team: 'core' });
  const table = await runFake(['search', 'team=core'], { client, isTerminal: true });
  expect(table.stdout.text).toMatch(/^KEY +VALUE +METADATA\nk1 +value of k1 +team=core\nk2 /);
  const lines = await runFake(['search', 'team=core'], { client });
  expect(lines.stdout.text).toBe('k1\tvalue of k1\tteam=core\nk2\tvalue of k2\tteam=core\n');
  const json = await runFake(['search', 'team=core', '--limit', '1', '--json'], { client });
  expect(documents(json.stdout.text)).toMatchObject([{ key: 'k1', metadata: { team: 'core' } }]);
  expect(json.stderr.text).toBe('{"cursor":"1"}\n');
  const none = await runFake(['search', 'team=other'], { client, isTerminal: true });
  expect([none.exitCode, none.stdout.text, none.stderr.text]).toEqual([0, '', 'edis: no record matches\n']);
});

test('search shows on a terminal what it found before an error', async () => {
  const client = await clientWith(['k1', 'k2', 'k3'], { team: 'core' });
  client.scanFailure = { after: 2, error: new EdisError('deadline', 'shard s2 did not answer in time') };
  const failed = await runFake(['search', 'team=core'], { client, isTerminal: true });
  expect(failed.stdout.text).toMatch(/^KEY +VALUE +METADATA\nk1 .*\nk2 .*\n$/);
  expect(failed.stderr.text).toContain('shard s2 did not answer in time');
  expect(failed.exitCode).not.toBe(0);
});

test('aggregate names its measures as it was asked for them', async () => {
  const client = new FakeClient();
  const value = { kind: 'sum', value: 70, exact: '70' } as const;
  const none = { kind: 'min', value: undefined, exact: undefined } as const;
  client.groups = [{ group: 'core', count: 2, measures: { 'sum:age': value, 'min:age': none } }];
  const argv = ['aggregate', 'team^=c', '--sum', 'age', '--min', 'age', '--group-by', 'team', '--top', '3'];
  const plain = await runFake([...argv, '--by', 'sum:age'], { client });
  expect(client.calls).toEqual([
    [
      'aggregate',
      {
        measures: { 'sum:age': { sum: 'age' }, 'min:age': { min: 'age' } },
        groupBy: 'team',
        top: { by: 'sum:age', count: 3 },
        where: { team: { prefix: 'c' } },
      },
      {},
    ],
  ]);
  expect(plain.stdout.text).toMatch(/^TEAM +SUM age +MIN age\ncore +70 +–\n$/);
  const json = await runFake([...argv, '--by', 'sum:age', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toEqual({
    groups: [
      {
        group: 'core',
        count: 2,
        measures: { 'sum:age': { value: 70, exact: '70' }, 'min:age': { value: null, exact: null } },
      },
    ],
    servedBy: [{ node: 'read-shard-1-1', shard: 's1' }],
    stalenessMs: 3,
  });
});

test.each([
  [['aggregate'], { measures: { count: 'count' } }],
  [
    ['aggregate', '--group-by', 'a', '--top', '1', '--sum', 'b'],
    {
      measures: { 'sum:b': { sum: 'b' }, count: 'count' },
      groupBy: 'a',
      top: { by: 'count', count: 1 },
    },
  ],
  [
    ['aggregate', '--group-by', 'a', '--top', '1', '--by', 'avg:b'],
    { measures: { 'avg:b': { average: 'b' } }, groupBy: 'a', top: { by: 'avg:b', count: 1 } },
  ],
])('%o counts, and orders by what is shown', async (argv, query) => {
  const { client } = await runFake(argv);
  expect(client.calls[0]).toEqual(['aggregate', query, {}]);
});

const changes: readonly WatchEvent[] = [
  { kind: 'snapshot-begin', cause: 'start', shard: 's1', token: 't0' },
  { kind: 'snapshot-end', shard: 's1', token: 't1' },
  {
    kind: 'put',
    key: 'a',
    value: Buffer.from('1'),
    metadata: {},
    version: 5,
    expiresAtMs: undefined,
    shard: 's1',
    token: 't2',
  },
  { kind: 'expire', key: 'a\n', version: 6, shard: 's1', token: 't3' },
];

function clientWithChanges(): FakeClient {
  const client = new FakeClient();
  client.events = [...changes];
  return client;
}

test('watch prints a line for each change, and the token to go on from on stderr', async () => {
  const plain = await runFake(['watch', '--from', 'start', '--prefix', 'a'], { client: clientWithChanges() });
  expect(plain.client.calls).toEqual([['watch', { prefix: 'a', from: 'start' }]]);
  expect(plain.stdout.text).toBe('snapshot-begin\ts1\tstart\nsnapshot-end\ts1\nput\ta\t1\nexpire\ta\\n\n');
  expect(plain.stderr.text).toBe('edis: ended; go on with --from t3\n');
  const json = await runFake(['watch', '--limit', '3', '--json'], { client: clientWithChanges() });
  expect(documents(json.stdout.text)).toEqual([
    changes[0],
    changes[1],
    { kind: 'put', key: 'a', value: '1', metadata: {}, version: 5, expiresAtMs: null, shard: 's1', token: 't2' },
  ]);
  expect(json.stderr.text).toBe('{"token":"t2"}\n');
});

test('Ctrl-C ends watch with exit code 0 and its place', async () => {
  const client = clientWithChanges();
  client.endless = true;
  const fake = fakeWorld({ client });
  const run = runCli(['watch', '--from', 'now'], fake.world);
  await expect.poll(() => fake.stdout.text).toContain('expire');
  fake.signal();
  expect(await run).toBe(0);
  expect(fake.stderr.text).toBe('edis: ended; go on with --from t3\n');
});

test('a feed that saw nothing gives back the token that it was given', async () => {
  const given = await runFake(['watch', '--from', 'T', '--json']);
  expect(given.stderr.text).toBe('{"token":"T"}\n');
  const none = await runFake(['watch']);
  expect(none.stderr.text).toBe('edis: ended before anything changed\n');
});

test('Ctrl-C while watch connects ends it like any other, with the token that it was given', async () => {
  for (const [argv, note] of [
    [[], 'edis: ended before anything changed\n'],
    [['--from', 'T'], 'edis: ended; go on with --from T\n'],
  ] as const) {
    const fake = fakeWorld();
    const connect = async () => {
      fake.signal();
      throw new EdisError('aborted', 'connecting was aborted by its caller');
    };
    expect(await runCli(['watch', ...argv], { ...fake.world, connect })).toBe(0);
    expect(fake.stderr.text).toBe(note);
  }
});

class SilentClient extends FakeClient {
  alive = true;

  override topology(): Topology {
    const [shard] = sampleTopology.shards;
    if (shard === undefined) throw new EdisError('internal', 'the sample has a shard');
    const members = shard.members.map((member) => ({ ...member, alive: this.alive }));
    return { ...sampleTopology, shards: [{ ...shard, members }] };
  }
}

test.each([
  [[], 'edis: no changes of s1 come: no node of it is alive;', 'edis: changes of every shard come again'],
  [['--json'], '{"silentShards":["s1"]}', '{"silentShards":[]}'],
])('watch %j says of which shard nothing can come, once, and when it comes again', async (argv, silent, back) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const client = new SilentClient();
  client.events = [...changes];
  client.endless = true;
  const fake = fakeWorld({ client });
  const run = runCli(['watch', ...argv], fake.world);
  await expect.poll(() => fake.stdout.text).toContain('expire');
  client.alive = false;
  vi.advanceTimersByTime(2_000);
  expect(fake.stderr.text).toBe('');
  vi.advanceTimersByTime(10_000);
  expect(fake.stderr.text.split('\n')).toEqual([expect.stringContaining(silent), '']);
  client.alive = true;
  vi.advanceTimersByTime(10_000);
  expect(fake.stderr.text.split('\n')).toEqual([expect.anything(), back, '']);
  fake.signal();
  expect(await run).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a feed that fails says where to go on', async () => {
  const client = clientWithChanges();
  client.watch = async function* watch() {
    yield* changes;
    throw new EdisError('unreachable', 'nobody serves s1');
  };
  const { exitCode, stdout, stderr } = await runFake(['watch'], { client });
  expect([exitCode, stderr.text]).toEqual([3, 'edis: nobody serves s1; go on with --from t3\n']);
  expect(stdout.text).toContain('expire');
});

test('a scan that fails in the middle prints what it had, and the cursor', async () => {
  const client = await clientWith(['a', 'b', 'c']);
  client.scanFailure = { after: 2, error: new EdisError('deadline', 'no answer in time') };
  const { exitCode, stdout, stderr } = await runFake(['scan'], { client });
  expect([exitCode, stdout.text]).toEqual([3, 'a\tvalue of a\nb\tvalue of b\n']);
  expect(stderr.text).toBe('edis: no answer in time; go on with --cursor 2\n');
});

test('a scan that fails before it has printed anything leaves no place to go on from', async () => {
  const client = await clientWith(['a', 'b']);
  const stream = new FakeStream<GetResult>([], {});
  stream.cursor = '0';
  stream[Symbol.asyncIterator] = async function* nothing() {
    yield* [];
    throw new EdisError('unreachable', 'nobody serves s1');
  };
  client.scan = () => stream;
  const { exitCode, stderr } = await runFake(['scan'], { client });
  expect([exitCode, stderr.text]).toEqual([3, 'edis: nobody serves s1\n']);
});
