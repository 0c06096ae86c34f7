import type { Key, Location, LocationMember } from '@edis/client';
import type { ClusterDescription } from '@edis/core';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { runFake } from '../testing/fake-world.ts';
import { sampleStats } from '../testing/sample-cluster.ts';

test('topology --json tells process ids of this host only', async () => {
  const { exitCode, stdout } = await runFake(['topology', '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.text)).toEqual({
    cluster: 'c1',
    revision: 7,
    formed: true,
    initialShards: 1,
    waitsFor: ['one more write shard'],
    infos: [{ node: 'info', pid: 10, endpoints: { default: 'localhost:7400' } }],
    keyspaces: [{ name: 'default', strategy: 'hash', slots: [{ from: 0, to: 16_383, shard: 's1' }] }],
    shards: [
      {
        shard: 's1',
        epoch: 3,
        slots: 16_384,
        quorum: 1,
        configuredSize: 1,
        members: [
          {
            node: 'write-shard-1',
            store: 'store-1',
            role: 'primary',
            voting: true,
            alive: true,
            serving: true,
            position: 42,
            lag: 0,
            lagMs: 0,
            pid: 11,
            endpoints: { default: 'localhost:7410' },
          },
          {
            node: 'read-shard-1-1',
            store: 'store-2',
            role: 'learner',
            voting: false,
            alive: true,
            serving: true,
            position: 40,
            lag: 2,
            lagMs: 30,
            endpoints: { internal: 'read-shard-1:7410', host: 'localhost:7411' },
          },
        ],
      },
    ],
  });
});

test('topology is a table with a line for each member and what the cluster waits for', async () => {
  const { stdout } = await runFake(['topology']);
  const lines = stdout.text.trimEnd().split('\n');
  expect(lines).toContain('not complete: one more write shard');
  expect(lines.at(-2)).toMatch(/^s1 +16384 +3 +write-shard-1 +primary +yes +serving +42 +– +11 +localhost:7410$/);
  expect(lines.at(-1)).toMatch(/^s1 +16384 +3 +read-shard-1-1 +learner +no +serving +40 +2 \(30 ms\) +internal=/);
});

class TwoKeyspaces extends FakeClient {
  override async describe(): Promise<ClusterDescription> {
    const { topology, ...rest } = await super.describe();
    const [first] = topology.keyspaces;
    if (first === undefined) throw new EdisError('internal', 'the sample has a keyspace');
    const users = { ...first, id: 2, name: 'users', slots: [{ from: 0, to: 99, shard: 's1' }] };
    return { ...rest, topology: { ...topology, keyspaces: [first, users] } };
  }
}

test.each([
  [[], 16_384],
  [['--keyspace', 'default'], 16_384],
  [['--keyspace', 'users'], 100],
])('topology counts the slots of the chosen keyspace alone: %j', async (chosen, slots) => {
  const client = new TwoKeyspaces();
  const { stdout } = await runFake(['topology', ...chosen], { client });
  expect(stdout.text).toMatch(new RegExp(`^s1 +${slots} +3 +write-shard-1 `, 'm'));
  const json = await runFake(['topology', '--json', ...chosen], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({ shards: [{ slots }] });
});

test('topology of a keyspace that is none says which there are', async () => {
  const { exitCode, stderr } = await runFake(['topology', '--keyspace', 'usres'], { client: new TwoKeyspaces() });
  expect(exitCode).not.toBe(0);
  expect(stderr.text).toContain('there is no keyspace usres; did you mean users?');
});

function clientWithStats(): FakeClient {
  const client = new FakeClient();
  client.statsReplies = [
    { node: 'write-shard-1', shard: 's1', stats: sampleStats },
    { node: 'read-shard-1-1', shard: 's1', error: new EdisError('unreachable', 'nobody answers') },
  ];
  return client;
}

test('stats is a table, and a node that does not answer is named with its cause', async () => {
  const { exitCode, stdout } = await runFake(['stats'], { client: clientWithStats() });
  expect(exitCode).toBe(0);
  const load = String.raw`1 234 +3\.0 MiB +5 000 +90 µs / 850 µs +400 µs / 2\.1 ms`;
  const rest = String.raw`– +3 +2\.0 KiB +75 % +42 +100 B +7 +120 MiB`;
  expect(stdout.text).toMatch(new RegExp(`s1 +write-shard-1 +primary +${load} +${rest}`));
  expect(stdout.text).toContain('read-shard-1-1 (s1) does not answer: nobody answers');
});

test('stats --json is one document with all figures', async () => {
  const { stdout } = await runFake(['stats', '--json'], { client: clientWithStats() });
  expect(JSON.parse(stdout.text)).toEqual({
    shards: [
      {
        shard: 's1',
        nodeCount: 1,
        recordCount: 1234,
        recordBytes: 3_145_728,
        operationsPerSecond: 5000,
        queueOperations: 3,
        lagEntries: 0,
        readLatencyUs: { p50: 90, p99: 850 },
        writeLatencyUs: { p50: 400, p99: 2100 },
        cacheHitCount: 3,
        cacheMissCount: 1,
        cacheHitRatio: 0.75,
        receiptOperations: 7,
      },
    ],
    nodes: [
      { ...sampleStats, cacheHitRatio: 0.75 },
      { node: 'read-shard-1-1', shard: 's1', error: { code: 'unreachable', message: 'nobody answers' } },
    ],
  });
});

test.each([60, 80, 120])('stats shows every column on a terminal of %d, in tables that fit it', async (columns) => {
  const client = clientWithStats();
  const wide = (await runFake(['stats'], { client })).stdout.text;
  const narrow = (await runFake(['stats'], { client, isTerminal: true, columns })).stdout.text;
  for (const line of narrow.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
  const words = (text: string) => new Set(text.split(/ {2,}|\n/));
  expect(words(narrow)).toEqual(words(wide));
  for (const line of narrow.split('\n').filter((text) => text.includes(' 75 %'))) expect(line).toMatch(/^s1 /);
});

class LocatingClient extends FakeClient {
  override locate(key: Key): Location {
    const [primary, replica] = super.locate(key).members;
    if (primary === undefined || replica === undefined) throw new EdisError('internal', 'the sample has two members');
    const members: LocationMember[] = [
      { ...primary, alive: false, reads: false, readCause: 'down' },
      { ...replica, voting: true, reads: false, readCause: 'unreachable' },
    ];
    return { ...super.locate(key), members, readers: [], successors: [replica.node] };
  }
}

test('locate says of a primary that is down that it is, wherever it names it', async () => {
  const client = new LocatingClient();
  const { stdout } = await runFake(['locate', 'k'], { client });
  expect(stdout.text).toContain('reads     nobody now: the primary write-shard-1 is down, and no replica is usable');
  expect(stdout.text).toMatch(/^strong {4}write-shard-1: .*, which is down; `edis topology`/m);
  expect(stdout.text).toMatch(/^writes {4}write-shard-1: the primary, which is down; `edis topology`/m);
  expect(stdout.text).toMatch(/^write-shard-1 +primary +yes +down +no: down +localhost:7410$/m);
  expect(stdout.text).toMatch(/^read-shard-1-1 .* no: not reachable from here +localhost:7411$/m);
  const json = await runFake(['locate', 'k', '--json'], { client });
  expect(JSON.parse(json.stdout.text)).toMatchObject({
    readReason: expect.stringMatching(/^nobody now/),
    strongReason: expect.stringContaining('which is down'),
    writeReason: expect.stringContaining('which is down'),
    successors: ['read-shard-1-1'],
    failoverReason: 'read-shard-1-1: the other member that votes',
  });
});

test('locate tells slot, shard, members, and who reads and why', async () => {
  const client = new FakeClient();
  client.hashTag = '7';
  const { stdout } = await runFake(['locate', 'user:{7}:name'], { client });
  expect(stdout.text).toContain("slot      99: CRC-16 of '7', the part in braces, modulo 16384");
  expect(stdout.text).toContain('reads     read-shard-1-1: the only usable replica of s1');
  expect(stdout.text).toContain('strong    write-shard-1: the primary alone knows that nothing is newer');
  expect(stdout.text).toContain('writes    write-shard-1: the primary');
  expect(stdout.text).toContain('failover  nobody: s1 has no other living member that votes');
  const json = await runFake(['locate', 'k', '--json']);
  expect(JSON.parse(json.stdout.text)).toMatchObject({
    key: 'k',
    hashTag: null,
    slot: 99,
    shard: 's1',
    readers: ['read-shard-1-1'],
    writer: 'write-shard-1',
    members: [
      { reads: false, readCause: 'replicas-first' },
      { reads: true, readCause: 'replica' },
    ],
  });
});

test.each([
  [async () => true, 0, '{"address":"localhost:7410","serving":true}\n'],
  [async () => false, 3, '{"address":"localhost:7410","serving":false}\n'],
  [() => Promise.reject(new EdisError('unreachable', 'nobody')), 3, ''],
])('health turns what the probe %o finds into an exit code', async (probe, expected, printed) => {
  const { exitCode, stdout } = await runFake(['health', 'localhost:7410', '--json'], { world: { probe } });
  expect([exitCode, stdout.text]).toEqual([expected, printed]);
});
