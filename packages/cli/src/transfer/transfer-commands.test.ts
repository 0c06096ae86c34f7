import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { EdisError } from '@edis/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../cli.ts';
import { Output } from '../output.ts';
import { FakeClient } from '../testing/fake-client.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { fakeWorld, runFake } from '../testing/fake-world.ts';
import { PartialFile } from './partial-file.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-transfer-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function threeRecords(): Promise<FakeClient> {
  const client = new FakeClient();
  for (const key of ['a', 'b', 'c']) await client.put(key, key.toUpperCase());
  return client;
}

const line = (key: string) => JSON.stringify({ key, value: key.toUpperCase(), metadata: {}, expiresAtMs: null });

test('export prints a line for each record, and import of it writes the same records', async () => {
  const { stdout, exitCode } = await runFake(['export'], { client: await threeRecords() });
  expect([exitCode, stdout.text]).toEqual([0, `${line('a')}\n${line('b')}\n${line('c')}\n`]);
  const copy = await runFake(['import', '--keyspace', 'copy', '--ack', 'memory'], { stdin: stdout.text });
  expect([copy.exitCode, copy.stdout.text]).toEqual([0, '3 records written (s1: 3)\n']);
  expect(copy.connections[0]?.keyspace).toBe('copy');
  expect(copy.client.calls[0]).toMatchObject(['put', 'a', 'A', { ack: 'memory', timeoutMs: 60_000 }]);
  expect((await runFake(['export'], { client: copy.client })).stdout.text).toBe(stdout.text);
});

test.each([
  [true, false],
  [false, true],
])('export to a terminal (%s) shows how far it is: %s', async (isTerminal, isShown) => {
  const stdout = new FakeTerminal();
  const stderr = new FakeTerminal();
  const output = new Output(stdout, stderr, { isTerminal, columns: 80 });
  const { exitCode } = await runFake(['export'], { client: await threeRecords(), world: { output } });
  expect([exitCode, stdout.text]).toEqual([0, `${line('a')}\n${line('b')}\n${line('c')}\n`]);
  expect(stderr.text.includes('0 records')).toBe(isShown);
});

test('import reads a file; a broken line ends with its number and the command that goes on', async () => {
  const path = join(directory, 'my records.ndjson');
  await writeFile(path, `${line('a')}\n${line('b')}\n{"key"\n`);
  const { exitCode, stdout, stderr } = await runFake(['import', path, '--info', 'h:1', '--batch', '5', '--json']);
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout.text)).toEqual({
    complete: false,
    written: 2,
    expired: 0,
    nextLine: 3,
    shards: { s1: 2 },
    token: 'client-token',
  });
  expect(JSON.parse(stderr.text)).toMatchObject({
    error: {
      message:
        'line 3: is not JSON; write {"key":…,"value":…,"metadata":{…}}; the lines before 3 are all done, 2 records ' +
        `written now; correct the line, then go on with: edis import '${path}' --from-line 3 --batch 5 --info h:1`,
    },
  });
});

test.each(['a file', 'stdin'])(
  'import --from-line may be the line behind the last of %s, and no later one',
  async (source) => {
    const path = join(directory, 'three');
    const text = `${line('a')}\n${line('b')}\n${line('c')}\n`;
    await writeFile(path, text);
    const from = (number: string) =>
      runFake(['import', source === 'stdin' ? '-' : path, '--from-line', number], { stdin: text });
    const done = await from('4');
    expect([done.exitCode, done.stdout.text, done.client.calls]).toEqual([0, '0 records written\n', []]);
    const beyond = await from('99999999');
    expect([beyond.exitCode, beyond.stdout.text, beyond.client.calls]).toEqual([2, '', []]);
    const what = source === 'stdin' ? 'stdin' : path;
    expect(beyond.stderr.text).toBe(
      `edis: import: --from-line is 99999999, but ${what} has only 3 lines; nothing was written\n`,
    );
  },
);

test('import ends at a signal with the command that goes on', async () => {
  const stdin = new PassThrough();
  const fake = fakeWorld({ stdin });
  stdin.write(`${line('a')}\n`);
  const exit = runCli(['import', '--batch', '1'], fake.world);
  await expect.poll(() => fake.client.records.size).toBe(1);
  fake.signal();
  expect(await exit).toBe(3);
  expect(fake.stderr.text).toBe(
    'edis: interrupted; the lines before 2 are all done, 1 record written now; ' +
      'go on with: edis import - --from-line 2 --batch 1\n',
  );
});

test.each([
  [['import', '/nowhere/x'], 'import: /nowhere/x cannot be read: ENOENT'],
  [['import', '/'], 'it is a directory'],
  [['import', '--from-line', '0'], "--from-line is '0'; it must be a whole number from 1"],
  [['import', '--batch', '20000'], "--batch is '20000'; it must be a whole number from 1 to 10000"],
  [['export', '/'], 'there is a file / already; --overwrite replaces it once all is written'],
  [['export', '--overwrite'], '--overwrite needs a FILE'],
  [['export', '/nowhere/x', '--cursor', 'c'], 'there is no /nowhere/x.part to go on with'],
  [['export', '/nowhere/x'], '/nowhere/x.part cannot be written: ENOENT'],
])('%o is a usage error', async (argv, text) => {
  const { exitCode, stderr } = await runFake(argv);
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining(text)]);
});

test('an exported file is there when it is whole, and is not replaced unasked', async () => {
  const path = join(directory, 'out');
  const client = await threeRecords();
  expect((await runFake(['export', path], { client })).stdout.text).toBe(`3 records written to ${path}\n`);
  expect(await readFile(path, 'utf8')).toBe(`${line('a')}\n${line('b')}\n${line('c')}\n`);
  expect(await readdir(directory)).toEqual(['out']);
  expect((await runFake(['export', path], { client })).exitCode).toBe(2);
  const again = await runFake(['export', path, '--overwrite', '--prefix', 'b', '--json'], { client });
  expect(JSON.parse(again.stdout.text)).toEqual({ file: path, records: 1 });
  expect(await readFile(path, 'utf8')).toBe(`${line('b')}\n`);
});

test('an export that fails keeps what it has, and its cursor goes on exactly there', async () => {
  const path = join(directory, 'out');
  const client = await threeRecords();
  client.scanFailure = { after: 2, error: new EdisError('unreachable', 'nobody answers') };
  const { exitCode, stderr } = await runFake(['export', path, '--from', 'a'], { client });
  expect([exitCode, stderr.text]).toEqual([
    3,
    `edis: nobody answers; 2 records written to ${path}.part; go on with: edis export ${path} --from a --cursor 2\n`,
  ]);
  expect(await readdir(directory)).toEqual(['out.part']);
  client.scanFailure = undefined;
  expect((await runFake(['export', path, '--from', 'a', '--cursor', '2'], { client })).exitCode).toBe(0);
  expect(await readFile(path, 'utf8')).toBe(`${line('a')}\n${line('b')}\n${line('c')}\n`);
});

test('an export that is interrupted keeps what it has and says how to go on', async () => {
  const path = join(directory, 'out');
  const client = await threeRecords();
  const fake = fakeWorld({ client });
  const connect = async () => {
    fake.signal();
    return client;
  };
  expect(await runCli(['export', path, '--overwrite'], { ...fake.world, connect })).toBe(3);
  expect(fake.stderr.text).toBe(
    `edis: interrupted; 1 record written to ${path}.part; go on with: edis export ${path} --overwrite --cursor 1\n`,
  );
  expect(await readFile(`${path}.part`, 'utf8')).toBe(`${line('a')}\n`);
});

test('an export that is interrupted while it connects says that nothing was written', async () => {
  const fake = fakeWorld();
  const connect = async () => {
    fake.signal();
    throw new EdisError('aborted', 'connecting was aborted by its caller');
  };
  expect(await runCli(['export'], { ...fake.world, connect })).toBe(3);
  expect(fake.stderr.text).toBe('edis: interrupted; nothing was written\n');
});

test('an export to stdout that fails says the cursor of what was printed', async () => {
  const client = await threeRecords();
  client.scanFailure = { after: 1, error: new EdisError('deadline', 'too late') };
  const { exitCode, stdout, stderr } = await runFake(['export', '--keyspace', 'users'], { client });
  expect([exitCode, stdout.text]).toEqual([3, `${line('a')}\n`]);
  expect(stderr.text).toContain('1 record written; go on with: edis export - --cursor 1 --keyspace users');
});

test('an export whose reader goes away ends without an error', async () => {
  const fake = fakeWorld({ client: await threeRecords() });
  fake.stdout.destroy(new Error('EPIPE'));
  expect(await runCli(['export'], fake.world)).toBe(0);
  expect(fake.stderr.text).toBe('');
});

test('a partial file that ends within a line is not gone on with', async () => {
  const path = join(directory, 'out');
  await writeFile(`${path}.part`, '{"key":"a"');
  const { exitCode, stderr } = await runFake(['export', path, '--cursor', '1']);
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining('ends within a line; begin anew')]);
});

test('a partial file knows where its records end, and can be gone on with', async () => {
  const path = join(directory, 'out');
  const file = await PartialFile.open(path, undefined);
  await file.add('line', '1');
  await file.keep('1');
  expect([file.cursor, await readFile(`${path}.part`, 'utf8')]).toEqual(['1', 'line\n']);
  const again = await PartialFile.open(path, '1');
  await again.add('more', undefined);
  await again.finish();
  expect(await readFile(path, 'utf8')).toBe('line\nmore\n');
});
