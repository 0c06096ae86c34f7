import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { runCli } from '../cli.ts';
import type { CommandContext } from '../command.ts';
import { OptionValues } from '../option.ts';
import { resolveSettings } from '../settings.ts';
import { FakeClient } from '../testing/fake-client.ts';
import type { FakeWorldOptions } from '../testing/fake-world.ts';
import { fakeWorld, runFake } from '../testing/fake-world.ts';
import { ReplSession } from './repl-session.ts';

async function session(options: FakeWorldOptions = {}) {
  const fake = fakeWorld(options);
  const settings = await resolveSettings(new OptionValues(new Map()), {});
  const context: CommandContext = { ...fake.world, settings };
  return { ...fake, session: new ReplSession(context) };
}

test('from a pipe, commands run one after the other on one connection, without a prompt', async () => {
  const stdin = 'put a 1\n\nget a\nedis exists a\n';
  const { exitCode, stdout, stderr, connections, client } = await runFake(['repl'], { stdin });
  expect([exitCode, stdout.text, stderr.text]).toEqual([0, 'a → s1, version 101\n1\ntrue\n', '']);
  expect(connections).toHaveLength(1);
  expect(client.closed).toBe(true);
});

test('the exit code is that of the last command that failed; the others run', async () => {
  const { exitCode, stdout, stderr } = await runFake(['repl'], { stdin: 'gett a\nget a\nput a 1\nexists a' });
  expect(exitCode).toBe(1);
  expect(stderr.text).toBe("edis: unknown command 'gett'; did you mean get?\nedis: not found: a\n");
  expect(stdout.text).toContain('true');
});

test('exit ends it there', async () => {
  expect((await runFake(['repl'], { stdin: 'exit\nput a 1\n' })).client.records.size).toBe(0);
});

test('quotes, escapes and lines that go on', async () => {
  const stdin = `put a 'one\n"two"'\nput b "x \\"y\\" z"\nput c \\\nthree\nput 'a b' ''\n`;
  const { client, exitCode } = await runFake(['repl'], { stdin });
  expect(exitCode).toBe(0);
  const values = [...client.records].map(([key, { value }]) => [key, Buffer.from(value).toString()]);
  expect(values).toEqual([
    ['a', 'one\n"two"'],
    ['b', 'x "y" z'],
    ['c', 'three'],
    ['a b', ''],
  ]);
});

test('a quote that is never closed is an error that says where it begins', async () => {
  const { exitCode, stderr } = await runFake(['repl'], { stdin: "get a\nput a 'b\n" });
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining('line 2: a quote is not closed')]);
});

test('use switches the keyspace of what follows, and suggests the one that was meant', async () => {
  const client = new FakeClient();
  await client.createKeyspace('users');
  const stdin = 'put a default\nuse user\nuse users\nput a users\nuse\nput a other --keyspace other\n';
  const { stderr, exitCode, connections } = await runFake(['repl'], { client, stdin });
  expect(exitCode).toBe(2);
  expect(stderr.text).toBe(
    'edis: there is no keyspace user; did you mean users?\nedis: keyspace users\nedis: keyspace users\n',
  );
  expect(connections).toHaveLength(1);
  const valueIn = (found: FakeClient | undefined) => Buffer.from(found?.records.get('a')?.value ?? []).toString();
  expect(valueIn(client)).toBe('default');
  expect(valueIn(client.keyspaceClients.get('users'))).toBe('users');
  expect(valueIn(client.keyspaceClients.get('other'))).toBe('other');
});

test('the options of the session are those of its commands', async () => {
  const { connections, stdout } = await runFake(
    ['repl', '--json', '--info', 'h:1', '--network', 'n', '--timeout', '2s', '--keyspace', 'users'],
    { stdin: 'exists a' },
  );
  expect(connections).toEqual([{ info: ['h:1'], network: 'n', timeoutMs: 2000 }]);
  expect(JSON.parse(stdout.text)).toMatchObject({ key: 'a', exists: false });
});

test.each([
  ['us x', "unknown command 'us'; did you mean use?"],
  ['qwertyuiop', "unknown command 'qwertyuiop'; help lists all"],
  ['set a b', "unknown command 'set'; here it is: edis put"],
  ['keyspace creat x', "unknown command 'keyspace creat'; did you mean create?"],
  ['up', 'up is a command of the shell: edis up'],
  ['repl', 'repl is a command of the shell'],
  ['use a b', 'use takes one KEYSPACE'],
  ['put a -', 'a session has no stdin of its own'],
])('%s is an error that says what to do', async (stdin, text) => {
  const { exitCode, stderr, client } = await runFake(['repl'], { stdin });
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining(text)]);
  expect(client.records.size).toBe(0);
});

test('help lists commands and words, help COMMAND says more', async () => {
  const { stdout } = await runFake(['repl'], { stdin: 'help\nhelp get\n' });
  expect(stdout.text).toMatch(/^ {2}scan +list records in order$/m);
  expect(stdout.text).toMatch(/^ {2}use +use KEYSPACE/m);
  expect(stdout.text).toContain('Usage: edis get KEY');
});

test('Ctrl-C ends a command that knows how to end, and the session goes on', async () => {
  const client = new FakeClient();
  client.endless = true;
  const { session: repl, stderr } = await session({ client });
  const watching = repl.run(['watch']);
  await expect.poll(() => client.calls).toContainEqual(['watch', {}]);
  expect(repl.cancel()).toBe(true);
  expect(await watching).toEqual({ exitCode: 0, ended: false });
  expect(stderr.text).toBe('edis: ended before anything changed\n');
  expect(repl.cancel()).toBe(false);
});

test('Ctrl-C leaves a command behind that waits; nothing more of it is shown', async () => {
  const client = new FakeClient();
  let answer = () => {};
  client.get = () =>
    new Promise((resolve) => {
      answer = () => resolve(undefined);
    });
  const { session: repl, stderr, stdout } = await session({ client });
  const running = repl.run(['get', 'a']);
  await expect.poll(() => repl.cancel()).toBe(true);
  expect(await running).toEqual({ exitCode: 3, ended: false });
  answer();
  expect(await repl.run(['exists', 'a'])).toEqual({ exitCode: 1, ended: false });
  expect(stderr.text).toBe('edis: cancelled; what was sent may still be carried out\n');
  expect(stdout.text).toBe('false\n');
});

test('a signal ends a session of a pipe', async () => {
  const stdin = new PassThrough();
  const fake = fakeWorld({ stdin });
  stdin.write('put a 1\n');
  const exit = runCli(['repl'], fake.world);
  await expect.poll(() => fake.client.records.size).toBe(1);
  fake.signal();
  expect(await exit).toBe(3);
  expect(fake.client.closed).toBe(true);
});
