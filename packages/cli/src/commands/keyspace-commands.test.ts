import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';

async function clientWithUsers(): Promise<FakeClient> {
  const client = new FakeClient();
  await client.createKeyspace('users', {
    indexedFields: [
      { field: 'email', kind: 'text' },
      { field: 'age', kind: 'number' },
    ],
    defaultTtlMs: 604_800_000,
  });
  client.calls.length = 0;
  return client;
}

test('keyspace create passes its settings on', async () => {
  const argv = ['keyspace', 'create', 'users', '--index', 'email', '--index', 'a:b:number', '--default-ttl', '7d'];
  const { client, stdout } = await runFake([
    ...argv,
    '--max-value',
    '1MiB',
    '--max-key',
    '256B',
    '--schema',
    'user/v1',
  ]);
  expect(client.calls).toEqual([
    [
      'createKeyspace',
      'users',
      {
        indexedFields: [
          { field: 'email', kind: 'text' },
          { field: 'a:b', kind: 'number' },
        ],
        defaultTtlMs: 604_800_000,
        maxValueBytes: 1_048_576,
        maxKeyBytes: 256,
        valueSchema: 'user/v1',
      },
    ],
  ]);
  expect(stdout.text).toBe('keyspace users is there, number 2\n');
  const none = await runFake(['keyspace', 'create', 'plain', '--index-none']);
  expect(none.client.calls[0]?.[2]).toEqual({ indexedFields: [] });
});

test('keyspace list is a table, or one document', async () => {
  const { stdout } = await runFake(['keyspace', 'list'], { client: await clientWithUsers() });
  expect(stdout.text).toMatch(/^default +1 +3 +60 B +never +every field, as text$/m);
  expect(stdout.text).toMatch(/^users +2 +3 +60 B +7d +email, age:number$/m);
  const json = await runFake(['keyspace', 'list', '--json'], { client: await clientWithUsers() });
  expect(JSON.parse(json.stdout.text)).toMatchObject({ keyspaces: [{ name: 'default' }, { name: 'users', id: 2 }] });
});

test('keyspace describe shows one, and suggests when there is none of the name', async () => {
  const { stdout } = await runFake(['keyspace', 'describe', 'users'], { client: await clientWithUsers() });
  expect(stdout.text).toContain('indexes      email, age:number\ndefault TTL  7d\n');
  const wrong = await runFake(['keyspace', 'describe', 'user'], { client: await clientWithUsers() });
  expect([wrong.exitCode, wrong.stderr.text]).toEqual([2, 'edis: there is no keyspace user; did you mean users?\n']);
});

test('commands about keyspaces ignore the keyspace that data commands use', async () => {
  const { connections } = await runFake(['keyspace', 'list'], { environment: { EDIS_KEYSPACE: 'gone' } });
  expect(connections[0]?.keyspace).toBeUndefined();
});

test('keyspace drop --yes does not ask', async () => {
  const { exitCode, stdout, client } = await runFake(['keyspace', 'drop', 'users', '--yes', '--json'], {
    client: await clientWithUsers(),
  });
  expect([exitCode, stdout.text]).toEqual([0, '{"name":"users","dropped":true}\n']);
  expect(client.keyspaceList.map(({ name }) => name)).toEqual(['default']);
});

test.each([
  ['users\n', 0, ['default']],
  ['yes\n', 1, ['default', 'users']],
  ['', 1, ['default', 'users']],
])('on a terminal the answer %o to the question decides', async (answer, expected, left) => {
  const stdin = Object.assign(Readable.from([Buffer.from(answer)]), { isTTY: true });
  const client = await clientWithUsers();
  const { exitCode, stderr } = await runFake(['keyspace', 'drop', 'users'], { client, stdin, isTerminal: true });
  expect(exitCode).toBe(expected);
  expect(stderr.text).toContain('This removes keyspace users with its 3 records, for good. Type its name to go on:');
  expect(client.keyspaceList.map(({ name }) => name)).toEqual(left);
});

test('distribution has bars on a terminal, and numbers alone elsewhere or with NO_COLOR', async () => {
  const terminal = await runFake(['distribution'], { isTerminal: true });
  expect(terminal.stdout.text).toMatch(/^SHARD .* OPS\/S OF ALL KEYSPACES$/m);
  expect(terminal.stdout.text).toMatch(/^s1 +write-shard-1 +8192 +750 +75\.0 % +█{20} +\+250 +4\.0 KiB +30$/m);
  expect(terminal.stdout.text).toMatch(/^s2 +write-shard-2 +8192 +250 +25\.0 % +█{6}▋ +-250 +2\.0 KiB +10$/m);
  expect(terminal.stdout.text).toMatch(/^keys +1 000 +500 +250 +50\.0 %$/m);
  expect(terminal.stdout.text).toMatch(/^user:1 +s1 +13$/m);
  const plain = await runFake(['distribution']);
  const noColor = await runFake(['distribution'], { isTerminal: true, environment: { NO_COLOR: '1' } });
  expect(plain.stdout.text).not.toContain('█');
  expect(noColor.stdout.text).toBe(plain.stdout.text);
});
