import { Readable } from 'node:stream';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { brokenClient } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';

test('promote says who leads now, and how long that took', async () => {
  const { exitCode, client, stdout } = await runFake(['promote', 's1']);
  expect(exitCode).toBe(0);
  expect(stdout.text).toBe('s1 is led by read-shard-1-1, before by write-shard-1 (epoch 4, after 83 ms)\n');
  expect(client.calls).toEqual([['promote', 's1', { node: undefined, unsafe: false, timeoutMs: 5000 }]]);
});

test('promote --json is one document', async () => {
  const { stdout } = await runFake(['promote', 's1', 'read-shard-1-2', '--timeout', '9s', '--json']);
  expect(JSON.parse(stdout.text)).toEqual({
    shard: 's1',
    primary: 'read-shard-1-2',
    formerPrimary: 'write-shard-1',
    epoch: 4,
    tookMs: 83,
  });
});

test('a promotion that does not come about names where to look', async () => {
  const client = brokenClient(new EdisError('deadline', 'too late'));
  const { exitCode, stderr } = await runFake(['promote', 's1'], { client });
  expect(exitCode).toBe(3);
  expect(stderr.text).toBe('edis: too late; `edis topology` says what s1 waits for\n');
});

test('a promotion that is refused says what there is', async () => {
  const client = brokenClient(new EdisError('invalid-argument', 'there is no shard s9'));
  const { exitCode, stderr } = await runFake(['promote', 's9'], { client });
  expect(exitCode).toBe(2);
  expect(stderr.text).toBe('edis: there is no shard s9; the shards are s1\n');
});

test('promote --unsafe asks nobody without a terminal, and needs --yes there', async () => {
  const { exitCode, client, stderr } = await runFake(['promote', '--unsafe', 's1']);
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain('only the lost members of s1 had');
  expect(client.calls).toEqual([]);
  const sure = await runFake(['promote', '--unsafe', 's1', '--yes']);
  expect(sure.exitCode).toBe(0);
  expect(sure.client.calls).toMatchObject([['promote', 's1', { unsafe: true }]]);
});

test.each([
  ['s1', 0, 1],
  ['no', 1, 0],
])('promote --unsafe on a terminal asks for the name of the shard: %s', async (answer, exitCode, callCount) => {
  const stdin = Object.assign(Readable.from([Buffer.from(`${answer}\n`)]), { isTTY: true });
  const run = await runFake(['promote', '--unsafe', 's1'], { stdin, isTerminal: true });
  expect(run.exitCode).toBe(exitCode);
  expect(run.stderr.text).toContain('acknowledged writes included');
  expect(run.client.calls).toHaveLength(callCount);
});
