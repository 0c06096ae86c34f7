import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeHistory } from '@edis/checker';
import type { ClusterDescription } from '@edis/core';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { runCli } from '../cli.ts';
import { FakeClient } from '../testing/fake-client.ts';
import { fakeWorld, runFake } from '../testing/fake-world.ts';
import { sampleTopology } from '../testing/sample-cluster.ts';

const verify = (durationMs: number, ...rest: readonly string[]) => [
  ...['verify', '--duration', `${durationMs}ms`, '--callers', '4', '--keys', '8', '--seed', '1'],
  ...rest,
];

/** The keyspace that a run made, and whether it is gone again. */
function keyspaceOf(client: FakeClient): { name: string; dropped: boolean } {
  const names = (call: string) => client.calls.filter(([what]) => what === call).map(([, name]) => String(name));
  const [name = 'none'] = names('createKeyspace');
  return { name, dropped: names('dropKeyspace').includes(name) };
}

test('what held is said with figures, and no keyspace is left', async () => {
  const { exitCode, stdout, client } = await runFake(verify(150));
  expect(stdout.text).toMatch(/^held: [\d ]+ operations in 0\.\d s, 1 round, ack quorum, seed 1\n/);
  expect(exitCode).toBe(0);
  expect(keyspaceOf(client)).toEqual({ name: expect.stringMatching(/^edis-verify-[0-9a-f]{12}$/), dropped: true });
});

test('a violation is shown with the operations that prove it, and ends with 1', async () => {
  const client = new FakeClient();
  client.forgets = (key) => String(key).endsWith('record:0');
  const { exitCode, stdout } = await runFake(verify(150), { client });
  expect(exitCode).toBe(1);
  expect(stdout.text).toMatch(/^violated: /);
  expect(stdout.text).toMatch(/VIOLATED linearizable of 0:record:0: #\d+ .*\n( {2}#\d+ .*\n)+/);
  expect(keyspaceOf(client).dropped).toBe(true);
});

test('a cluster too small for quorum is asked for disk', async () => {
  const client = new FakeClient();
  client.refusedAck = 'quorum';
  const { exitCode, stdout } = await runFake(verify(100, '--json'), { client });
  expect(JSON.parse(stdout.text)).toMatchObject({ verdict: 'held', ack: 'disk' });
  expect(exitCode).toBe(0);
});

/** A cluster whose shard may have lost its primary. */
class BrokenClient extends FakeClient {
  primaryAlive = true;
  waitsFor: readonly string[] = [];

  override async describe(): Promise<ClusterDescription> {
    const description = await super.describe();
    const shards = sampleTopology.shards.map((shard) => ({
      ...shard,
      members: shard.members.map((member) => ({ ...member, alive: member.role !== 'primary' || this.primaryAlive })),
    }));
    return { ...description, topology: { ...sampleTopology, shards }, waitsFor: this.waitsFor };
  }
}

test('where a shard cannot get a primary by itself, that is said with what to do, and nothing is made', async () => {
  const client = new BrokenClient();
  client.primaryAlive = false;
  const { exitCode, stdout, stderr } = await runFake(verify(50), { client });
  expect([exitCode, stdout.text]).toEqual([3, '']);
  expect(stderr.text).toContain('nothing was verified: s1 takes no writes: start write-shard-1 again');
  expect(keyspaceOf(client).name).toBe('none');
});

test.each([[[]], [['--ack', 'disk']]])(
  'where a shard takes no write, what it waits for is said, and no keyspace is left: %j',
  async (rest) => {
    const client = new BrokenClient();
    client.waitsFor = ['shard s1 waits for write-shard-1'];
    client.putFailure = new EdisError('deadline', 'no primary of s1 answered in time');
    const { exitCode, stdout, stderr } = await runFake(verify(50, ...rest), { client });
    expect([exitCode, stdout.text]).toEqual([3, '']);
    expect(stderr.text).toContain('no primary of s1 answered in time; shard s1 waits for write-shard-1');
    expect(keyspaceOf(client).dropped).toBe(true);
  },
);

test('a signal ends it early with the verdict on what was done', async () => {
  const fake = fakeWorld();
  const { client, stdout, stderr } = fake;
  setTimeout(() => fake.signal(), 100);
  expect(await runCli(verify(3_600_000, '--json'), fake.world)).toBe(0);
  expect(JSON.parse(stdout.text)).toMatchObject({ verdict: 'held', interrupted: true });
  expect(stderr.text).toContain('edis: ending; the verdict on what was done follows');
  expect(keyspaceOf(client).dropped).toBe(true);
});

test('nodes of this machine alone are paused, and each goes on', async () => {
  const signals: string[] = [];
  const signalProcess = (pid: number, name: string) => {
    signals.push(`${name} ${pid}`);
    return true;
  };
  const { stdout } = await runFake(verify(800, '--pause', '--json'), { world: { signalProcess } });
  expect(JSON.parse(stdout.text)).toMatchObject({
    verdict: 'held',
    faults: expect.arrayContaining([expect.objectContaining({ kind: 'pause', node: 'write-shard-1', shard: 's1' })]),
  });
  expect(signals.length).toBeGreaterThan(1);
  expect(signals).toEqual(signals.map((_, index) => (index % 2 === 0 ? 'SIGSTOP 11' : 'SIGCONT 11')));
  expect(signals.length % 2).toBe(0);
});

test('without quorum no primary is paused', async () => {
  const signals: string[] = [];
  const signalProcess = (pid: number, name: string) => signals.push(`${name} ${pid}`) > 0;
  await runFake(verify(300, '--pause', '--ack', 'disk'), { world: { signalProcess } });
  expect(signals).toEqual([]);
});

test('one primary is killed, and only if that is meant', async () => {
  const signals: string[] = [];
  const signalProcess = (pid: number, name: string) => signals.push(`${name} ${pid}`) > 0;
  const refused = await runFake(verify(300, '--kill'), { world: { signalProcess } });
  expect(refused).toMatchObject({ exitCode: 2, connections: [] });
  expect((await runFake(verify(300, '--kill', '--yes', '--ack', 'disk'))).exitCode).toBe(2);
  const { stdout } = await runFake(verify(400, '--kill', '--yes'), { world: { signalProcess } });
  expect(signals).toEqual(['SIGKILL 11']);
  expect(stdout.text).toMatch(/at 0\.\d s write-shard-1 of s1 was killed/);
});

test('a second signal ends it without a verdict, and no keyspace is left', async () => {
  class SilentClient extends FakeClient {
    override stats(): Promise<never> {
      return new Promise(() => {});
    }
  }
  const fake = fakeWorld({ client: new SilentClient() });
  setTimeout(() => fake.signal(), 50);
  setTimeout(() => fake.signal(), 150);
  expect(await runCli(verify(3_600_000, '--json'), fake.world)).toBe(3);
  expect(fake.stdout.text).toBe('');
  expect(fake.stderr.text).toContain('ended without a verdict');
  expect(keyspaceOf(fake.client).dropped).toBe(true);
});

test('a signal while it cleans up says what is left', async () => {
  class StuckClient extends FakeClient {
    override dropKeyspace(): Promise<boolean> {
      return new Promise(() => {});
    }
  }
  const fake = fakeWorld({ client: new StuckClient() });
  for (const afterMs of [30, 200]) setTimeout(() => fake.signal(), afterMs);
  expect(await runCli(verify(3_600_000), fake.world)).toBe(3);
  expect(fake.stdout.text).toMatch(/^held: /);
  expect(fake.stderr.text).toMatch(/still there .*; remove it with edis keyspace drop edis-verify-\w+ --yes/);
});

test('a keyspace that cannot be dropped is named with the command for it, and the verdict is not lost', async () => {
  class StubbornClient extends FakeClient {
    override dropKeyspace(): Promise<boolean> {
      return Promise.reject(new EdisError('unreachable', 'nobody answers'));
    }
  }
  const { exitCode, stdout, stderr } = await runFake(verify(50), { client: new StubbornClient() });
  expect(exitCode).toBe(3);
  expect(stdout.text).toMatch(/^held: /);
  expect(stderr.text).toMatch(
    /still there \(nobody answers\); remove it with edis keyspace drop edis-verify-\w+ --yes/,
  );
});

test('a keyspace whose making was not answered is dropped all the same', async () => {
  class LateClient extends FakeClient {
    override async createKeyspace(...rest: Parameters<FakeClient['createKeyspace']>): Promise<never> {
      await super.createKeyspace(...rest);
      throw new EdisError('deadline', 'no answer in time');
    }
  }
  const { exitCode, client, stderr } = await runFake(verify(50), { client: new LateClient() });
  expect(exitCode).toBe(3);
  expect(stderr.text).toContain('no answer in time');
  expect(keyspaceOf(client).dropped).toBe(true);
});

test('nodes of other machines are left alone, and that is said', async () => {
  const { stdout } = await runFake(verify(200, '--pause'), { world: { hostIdentity: async () => 'nowhere' } });
  expect(stdout.text).toMatch(/no node was disturbed/);
});

test('--history keeps every operation', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'edis-verify-'));
  try {
    const path = join(directory, 'history.ndjson');
    const { stdout } = await runFake(verify(100, '--json', '--history', path));
    const { length } = decodeHistory(await readFile(path, 'utf8'));
    expect(JSON.parse(stdout.text)).toMatchObject({ figures: { operations: length } });
    const wrong = await runFake(verify(100, '--history', directory));
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(keyspaceOf(wrong.client).dropped).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
