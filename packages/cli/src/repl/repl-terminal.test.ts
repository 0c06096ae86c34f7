import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { OptionValues } from '../option.ts';
import { resolveSettings } from '../settings.ts';
import { FakeClient } from '../testing/fake-client.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { fakeWorld } from '../testing/fake-world.ts';
import { Completer } from './completer.ts';
import { History } from './history.ts';
import { ReplSession } from './repl-session.ts';
import { ReplTerminal } from './repl-terminal.ts';

async function start(client = new FakeClient()) {
  const fake = fakeWorld({ client, isTerminal: true });
  const settings = await resolveSettings(new OptionValues(new Map()), {});
  const session = new ReplSession({ ...fake.world, settings });
  const input = new PassThrough();
  const terminal = new FakeTerminal();
  const completer = new Completer(async () => client);
  const { output } = fake.world;
  const repl = new ReplTerminal({ input, terminal, output, session, completer, history: new History(undefined) });
  const ended = repl.run();
  await expect.poll(() => terminal.text).toContain('edis> ');
  return { ...fake, input, terminal, ended };
}

test('a command runs, a quote goes over lines, Ctrl-D ends', async () => {
  const { input, terminal, ended, client } = await start();
  input.write("put a 'one\r");
  await expect.poll(() => terminal.text).toContain('...> ');
  input.write("two'\r");
  await expect.poll(() => client.records.has('a')).toBe(true);
  expect(Buffer.from(client.records.get('a')?.value ?? []).toString()).toBe('one\ntwo');
  input.write('\u0004');
  await ended;
  expect(terminal.text).toMatch(/edis> [^\n]*\n$/);
});

test('tab completes, and the prompt names the keyspace', async () => {
  const { input, terminal, ended, client } = await start();
  await client.put('user:1', 'v');
  input.write('exists us\t');
  await expect.poll(() => terminal.text).toContain('user:1');
  input.write('\r');
  await expect.poll(() => client.calls).toContainEqual(['exists', 'user:1', {}]);
  input.write('use default\r');
  await expect.poll(() => terminal.text).toContain('edis:default> ');
  input.write('exit\r');
  await ended;
  expect(terminal.text).toMatch(/exit\r\n$/);
});

test('a line that is typed behind a tab in one go runs as it is completed', async () => {
  const { input, terminal, ended, client } = await start();
  await client.put('user:1', 'v');
  input.write('exis\tus\t\r');
  await expect.poll(() => client.calls).toContainEqual(['exists', 'user:1', {}]);
  input.write('use de\t\r');
  await expect.poll(() => terminal.text).toContain('edis:default> ');
  input.write('\u0004');
  await ended;
});

test('the session ends when its input is destroyed, as a signal does', async () => {
  const { input, terminal, ended } = await start();
  input.destroy();
  await ended;
  expect(terminal.text).toMatch(/edis> [^\n]*\n$/);
});

test('Ctrl-C ends the running command, or forgets what was typed', async () => {
  const client = new FakeClient();
  client.endless = true;
  const { input, terminal, ended, stderr } = await start(client);
  input.write('watch\r');
  await expect.poll(() => client.calls).toContainEqual(['watch', {}]);
  input.write('\u0003');
  await expect.poll(() => stderr.text).toContain('ended before anything changed');
  input.write("put a 'b\r");
  await expect.poll(() => terminal.text).toContain('...> ');
  input.write('half a line');
  input.write('\u0003');
  input.write('exists a\r');
  await expect.poll(() => client.calls).toContainEqual(['exists', 'a', {}]);
  input.write('\u0003');
  await expect.poll(() => terminal.text).toContain('Ctrl-D or exit ends the session');
  input.write('\u0004');
  await ended;
});
