import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '@edis/testkit';
import { Programs, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Edis, edisFile, fieldOf } from './edis.ts';

interface UpProcess {
  readonly name: string;
  readonly role: string;
  readonly shard: string | null;
  readonly pid: number;
  readonly address: string;
}

/** The ready line of `edis up --json`. */
interface Ready {
  readonly ready: true;
  readonly info: string;
  readonly data: string;
  readonly processes: readonly UpProcess[];
}

const programs = new Programs();
let directory: string;
let up: Program;
let ready: Ready;
let edis: Edis;

function isReady(document: unknown): document is Ready {
  return typeof document === 'object' && document !== null && 'ready' in document && 'processes' in document;
}

async function startUp(...args: string[]): Promise<{ program: Program; ready: Ready }> {
  const program = programs.start(edisFile, ['up', '--json', '--port', '0', ...args]);
  const line = await waitFor(
    () => {
      const found: unknown = program.documents[0];
      if (found === undefined && !program.running) throw new Error(`edis up ended: ${program.stderr.slice(-2000)}`);
      return isReady(found) ? found : undefined;
    },
    () => `the ready line; on stderr there is ${program.stderr.slice(-2000)}`,
    60_000,
  );
  return { program, ready: line };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone({ processes }: Ready): Promise<void> {
  const left = () => processes.filter(({ pid }) => isRunning(pid)).map(({ name }) => name);
  await waitFor(
    () => left().length === 0,
    () => `no process left; ${left().join(', ')} run`,
    15_000,
  );
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-cli-'));
  const started = await startUp('--shards', '2', '--replicas', '1', '--data', join(directory, 'shared'));
  up = started.program;
  ready = started.ready;
  edis = new Edis(ready.info);
});

afterAll(async () => {
  await programs.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

const token = expect.stringMatching(/^[\w-]{20,}$/);
const version = expect.any(Number);
const aShard = expect.stringMatching(/^s[12]$/);

test('the ready line names data, info and every process', () => {
  expect(ready).toMatchObject({
    ready: true,
    data: join(directory, 'shared'),
    info: expect.stringMatching(/^localhost:\d+$/),
  });
  expect(ready.processes.map(({ name, role, shard }) => [name, role, shard])).toEqual([
    ['info', 'info', null],
    ['write-shard-1', 'write-shard', 's1'],
    ['write-shard-2', 'write-shard', 's2'],
    ['read-shard-1-1', 'read-shard', 's1'],
    ['read-shard-2-1', 'read-shard', 's2'],
  ]);
  for (const { pid } of ready.processes) expect(isRunning(pid)).toBe(true);
});

describe('with --json', () => {
  test('put, get, exists and delete of one key', async () => {
    const put = await edis.json('put', 'user:1', 'ada', '--meta', 'team=core', '--meta', 'site=ams');
    expect(put).toEqual({ code: 0, documents: [{ key: 'user:1', version, shard: aShard, token }] });
    const answer = {
      shard: aShard,
      token,
      servedBy: { node: expect.any(String), role: expect.stringMatching(/^(primary|replica)$/), shard: aShard },
      stalenessMs: expect.any(Number),
    };
    const [written] = put.documents;
    const after = String(fieldOf(written, 'token'));
    const get = await edis.json('get', 'user:1', '--after', after);
    expect(get).toEqual({
      code: 0,
      documents: [
        {
          key: 'user:1',
          version: fieldOf(written, 'version'),
          value: 'ada',
          metadata: { team: 'core', site: 'ams' },
          expiresAtMs: null,
          ...answer,
          shard: fieldOf(written, 'shard'),
        },
      ],
    });
    const exists = await edis.json('exists', 'user:1');
    expect(exists).toEqual({ code: 0, documents: [{ key: 'user:1', exists: true, ...answer }] });
    expect(await edis.json('delete', 'user:1')).toEqual({
      code: 0,
      documents: [{ key: 'user:1', existed: true, version, shard: aShard, token }],
    });
    const gone = await edis.json('get', 'user:1', '--consistency', 'strong');
    expect(gone).toEqual({ code: 1, documents: [{ key: 'user:1', value: null, ...answer }] });
  });

  test('a condition that does not hold says which version is there', async () => {
    const first = await edis.json('put', 'lock', 'me', '--if-absent');
    const held = fieldOf(first.documents[0], 'version');
    expect(await edis.json('put', 'lock', 'you', '--if-absent')).toEqual({
      code: 1,
      documents: [{ key: 'lock', applied: false, version: held, shard: aShard, token }],
    });
    expect(await edis.json('put', 'lock', 'you', '--if-version', String(held))).toMatchObject({ code: 0 });
  });

  test('mput and mget of several keys, across shards', async () => {
    const written = await edis.json('mput', 'a=1', 'b=2', 'c=3');
    const records = ['a', 'b', 'c'].map((key) => ({ key, version: expect.any(Number), shard: aShard }));
    expect(written).toEqual({
      code: 0,
      documents: [{ records, written: 3, failed: 0, shards: { s1: 2, s2: 1 }, token }],
    });
    const { code, documents } = await edis.json('mget', 'a', 'missing', 'c', '--consistency', 'strong');
    expect(code).toBe(1);
    expect(documents).toMatchObject([
      { key: 'a', value: '1', servedBy: { role: 'primary' } },
      { key: 'missing', value: null },
      { key: 'c', value: '3', servedBy: { role: 'primary' } },
    ]);
  });

  test('topology has shards, members with their process ids, and the keyspace', async () => {
    const { code, documents } = await edis.json('topology');
    expect(code).toBe(0);
    const member = (name: string, role: string) => {
      const process = ready.processes.find((each) => each.name === name);
      return {
        node: name,
        store: expect.any(String),
        role,
        alive: true,
        serving: true,
        position: expect.any(Number),
        lag: expect.any(Number),
        pid: process?.pid,
        endpoints: { default: process?.address },
      };
    };
    expect(documents).toMatchObject([
      {
        cluster: expect.any(String),
        revision: expect.any(Number),
        formed: true,
        infos: [{ node: 'info', pid: ready.processes[0]?.pid, endpoints: { default: ready.processes[0]?.address } }],
        keyspaces: [
          {
            name: 'default',
            strategy: 'hash',
            slots: [
              { from: 0, shard: 's1' },
              { to: 16_383, shard: 's2' },
            ],
          },
        ],
        shards: [1, 2].map((index) => ({
          shard: `s${index}`,
          epoch: expect.any(Number),
          members: [member(`write-shard-${index}`, 'primary'), member(`read-shard-${index}-1`, 'replica')],
        })),
      },
    ]);
  });

  test('stats has the figures of every member', async () => {
    const { code, documents } = await edis.json('stats');
    expect(code).toBe(0);
    const figures = { recordCount: expect.any(Number), contentHash: expect.stringMatching(/^[0-9a-f]{16}$/) };
    expect(documents).toMatchObject([
      {
        nodes: [
          { node: 'write-shard-1', shard: 's1', role: 'primary', ...figures },
          { node: 'read-shard-1-1', shard: 's1', role: 'replica', ...figures },
          { node: 'write-shard-2', shard: 's2', role: 'primary', ...figures },
          { node: 'read-shard-2-1', shard: 's2', role: 'replica', ...figures },
        ],
      },
    ]);
  });

  test('locate says slot, shard and readers, by Redis Cluster’s rule of hash tags', async () => {
    const { documents } = await edis.json('locate', 'foo{}{bar}');
    expect(documents).toMatchObject([{ key: 'foo{}{bar}', slot: 8363, shard: 's2', readers: ['read-shard-2-1'] }]);
    const slots = await Promise.all(['{user}:a', 'b:{user}'].map((key) => edis.field('slot', 'locate', key)));
    expect(slots[0]).toEqual(expect.any(Number));
    expect(slots[0]).toBe(slots[1]);
  });

  test('health of info and of a shard', async () => {
    expect(await edis.json('health')).toEqual({ code: 0, documents: [{ address: ready.info, serving: true }] });
    const shard = ready.processes[1]?.address ?? '';
    expect(await edis.json('health', shard)).toEqual({ code: 0, documents: [{ address: shard, serving: true }] });
  });
});

describe('for people', () => {
  test('every command prints text, and nothing on stderr', async () => {
    await edis.run(['put', 'plain', 'text']);
    const expected: [string[], RegExp][] = [
      [['put', 'plain', 'text'], /^plain → s[12], version \d+\n$/],
      [['get', 'plain', '--consistency', 'strong'], /^text\n$/],
      [['topology'], /write-shard-1 .*primary .*serving/],
      [['stats'], /read-shard-2-1 .*replica/],
      [['locate', 'plain'], /^slot +\d+: CRC-16 of the whole key/m],
      [['health'], /^localhost:\d+ serves\n$/],
    ];
    for (const [args, text] of expected) {
      const { code, stdout, stderr } = await edis.run(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(text);
    }
  });
});

describe('edis up', () => {
  test('SIGINT drains every process and ends with 0, and on the same data it is the same cluster again', async () => {
    await edis.run(['put', 'kept', 'over the restart']);
    const before = await edis.field('cluster', 'topology');
    up.kill('SIGINT');
    const { code, stdout } = await up.ended;
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    for (const { name } of ready.processes) {
      expect(up.stderr).toMatch(new RegExp(`^\\[${name}\\] .*"event":"ended","exitCode":0`, 'm'));
    }
    await untilGone(ready);
    const again = await startUp('--shards', '2', '--replicas', '1', '--data', join(directory, 'shared'));
    const edisAgain = new Edis(again.ready.info);
    expect(before).toEqual(expect.any(String));
    expect(await edisAgain.field('cluster', 'topology')).toBe(before);
    expect((await edisAgain.json('get', 'kept')).documents).toMatchObject([{ value: 'over the restart' }]);
    again.program.kill('SIGTERM');
    expect((await again.program.ended).code).toBe(0);
    await untilGone(again.ready);
  });

  test('another number of shards on the same data is refused before anything is started', async () => {
    const args = ['up', '--port', '0', '--shards', '3', '--data', join(directory, 'shared')];
    const { code, stdout, stderr } = await programs.start(edisFile, args).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('holds a cluster of 2 shards, not 3');
  });

  test('kill -9 of it leaves no process behind', async () => {
    const killed = await startUp('--shards', '1', '--replicas', '1', '--ephemeral');
    killed.program.kill('SIGKILL');
    expect((await killed.program.ended).signal).toBe('SIGKILL');
    await untilGone(killed.ready);
  });
});
