import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster, RoleFlags } from '@edis/launcher';
import { startCluster } from '@edis/launcher';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCli } from '../cli.ts';
import { fencedBlocks } from '../testing/cli-docs.ts';
import type { FakeWorld } from '../testing/fake-world.ts';
import { fakeWorld } from '../testing/fake-world.ts';
import { parseShapes, ShapeCheck } from '../testing/json-shape.ts';

const fake = fileURLToPath(new URL('../../../launcher/fixtures/fake-binary.mjs', import.meta.url));
const binaries = { info: fake, 'write-shard': fake, 'read-shard': fake };

let directory: string;
const runs: Run[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edis-up-'));
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.signal();
    run.signal();
    await run.exitCode;
  }
  rmSync(directory, { recursive: true, force: true });
});

interface Run extends FakeWorld {
  readonly exitCode: Promise<number>;
  cluster(): Cluster;
}

/** Runs `edis up` on processes that only look like the real ones. */
function runUp(argv: readonly string[], settings: RoleFlags = {}): Run {
  let cluster: Cluster | undefined;
  const fakes = fakeWorld({
    world: {
      startCluster: async (options) => {
        cluster = await startCluster({ ...options, binaries, settings });
        return cluster;
      },
    },
  });
  const port = argv.includes('--port') ? [] : ['--port', '0'];
  const exitCode = runCli(['up', ...port, ...argv], fakes.world);
  const started = () => {
    if (cluster === undefined) throw new Error('the cluster was not started');
    return cluster;
  };
  const run = { ...fakes, exitCode, cluster: started };
  runs.push(run);
  return run;
}

async function untilPrinted(run: Run, text: string | RegExp): Promise<void> {
  await vi.waitFor(() => expect(run.stdout.text + run.stderr.text).toMatch(text), { timeout: 20_000 });
}

test('the ready line names every process, and a signal drains and ends with 0', async () => {
  const run = runUp(['--shards', '2', '--data', directory, '--json']);
  await untilPrinted(run, '"ready":true');
  const pids = run.cluster().processes.map(({ pid }) => pid);
  const ready: unknown = JSON.parse(run.stdout.text);
  expect(ready).toMatchObject({ ready: true, data: directory });
  expect(ready).toHaveProperty(
    'processes',
    run.cluster().processes.map(({ name, role, shard, pid, address }) => ({
      name,
      role,
      shard: shard ?? null,
      pid,
      address,
    })),
  );
  run.signal();
  expect(await run.exitCode).toBe(0);
  expect(run.stdout.text.trimEnd().split('\n')).toHaveLength(1);
  expect(run.cluster().processes.map(({ state }) => state)).toEqual(pids.map(() => 'exited'));
  expect(existsSync(join(directory, 'logs', 'write-shard-2.log'))).toBe(true);
});

test('without a terminal each line of a process carries its name', async () => {
  const run = runUp(['--shards', '1', '--ephemeral']);
  await untilPrinted(run, /^edis ready: 1 shard × 1 replica, info localhost:\d+, ephemeral$/m);
  expect(run.stderr.text).toMatch(/^\[write-shard-1\] \{.*"event":"ready"/m);
  run.signal();
  expect(await run.exitCode).toBe(0);
});

test('a process that ends is told with what it means and how to start it, and is not restarted', async () => {
  const run = runUp(['--shards', '1', '--data', directory, '--json']);
  await untilPrinted(run, '"ready":true');
  const shard = run.cluster().process('write-shard-1');
  shard.kill('SIGKILL');
  await untilPrinted(
    run,
    'write-shard-1 was ended by SIGKILL; s1 goes on with its other members; if it was the primary',
  );
  expect(run.stderr.text).toContain(`in another terminal: node ${fake} --node write-shard-1 --data`);
  expect(shard.running).toBe(false);
  run.signal();
  expect(await run.exitCode).toBe(0);
  const lines = run.stdout.text.trimEnd().split('\n');
  expect(JSON.parse(lines[1] ?? '')).toEqual({
    exited: 'write-shard-1',
    role: 'write-shard',
    shard: 's1',
    code: null,
    signal: 'SIGKILL',
  });
  expect(lines).toHaveLength(2);
  const page = readFileSync(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
  const check = new ShapeCheck(parseShapes(fencedBlocks(page, 'ts').join('\n')));
  for (const line of lines) expect(check.fault(JSON.parse(line), 'UpOutput')).toBeUndefined();
  expect(check.unmet('UpOutput')).toEqual([]);
});

test('the greeting writes and reads through the SDK and shows what to type', async () => {
  const run = runUp(['--shards', '1', '--ephemeral', '--greet']);
  await untilPrinted(run, 'npx edis topology --info localhost:');
  expect(run.client.records.get('greeting')?.value.toString()).toBe('hello from Edis');
  expect(run.stdout.text).toContain('read at read-shard-1-1 (learner)');
  run.signal();
  expect(await run.exitCode).toBe(0);
  expect(run.client.closed).toBe(true);
});

test('what waits for a person is said again when the others are ready, and the greeting is left out', async () => {
  const formed = runUp(['--shards', '1', '--data', directory]);
  await untilPrinted(formed, 'edis ready');
  formed.signal();
  await formed.exitCode;
  const run = runUp(['--shards', '1', '--data', directory, '--greet'], { writeShard: ['--appeals'] });
  await untilPrinted(run, /^edis ready: .*$/m);
  await untilPrinted(run, /^edis: write-shard-1: write-shard-1: decide$/m);
  run.signal();
  expect(await run.exitCode).toBe(0);
  expect(run.client.calls).toEqual([]);
});

test('a port in use is one line and exit code 2, and nothing is left running', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const run = runUp(['--port', String(port), '--ephemeral']);
  expect(await run.exitCode).toBe(2);
  expect(run.stderr.text.trimEnd().split('\n').at(-1)).toBe(
    `edis: info ended with exit code 2: info: port ${port} is in use`,
  );
  server.close();
});

test('a process that cannot start ends all others', async () => {
  const run = runUp(['--shards', '1', '--ephemeral'], { readShard: ['--fail', '5'] });
  expect(await run.exitCode).toBe(5);
  expect(run.cluster().processes.some(({ running }) => running)).toBe(false);
});

test('a signal while starting ends with 0', async () => {
  const run = runUp(['--shards', '1', '--ephemeral'], { readShard: ['--never-ready'] });
  await untilPrinted(run, '[read-shard-1-1]');
  run.signal();
  expect(await run.exitCode).toBe(0);
  expect(run.cluster().processes.some(({ running }) => running)).toBe(false);
});

test('a second signal kills what does not drain', async () => {
  const run = runUp(['--shards', '1', '--ephemeral'], { readShard: ['--never-ends'] });
  await untilPrinted(run, 'edis ready');
  run.signal();
  run.signal();
  expect(await run.exitCode).toBe(0);
  expect(run.cluster().process('read-shard-1-1').exitStatus?.signal).toBe('SIGKILL');
});

test('when every process has ended, so does edis up', async () => {
  const run = runUp(['--shards', '1', '--ephemeral']);
  await untilPrinted(run, 'edis ready');
  run.cluster().kill();
  expect(await run.exitCode).toBe(3);
  expect(run.stderr.text).toContain('every process of the cluster has ended');
});
