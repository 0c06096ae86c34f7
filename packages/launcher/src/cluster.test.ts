import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdisError } from '@edis/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { startCluster } from './cluster.ts';
import type { ProcessLine } from './process-line.ts';

const fake = fileURLToPath(new URL('../fixtures/fake-binary.mjs', import.meta.url));
const binaries = { info: fake, 'write-shard': fake, 'read-shard': fake };

let directory: string;
const clusters: Cluster[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edis-launcher-'));
});
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop(5000);
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await startCluster({ shards: 2, replicas: 1, infoPort: 0, binaries, ...options });
  clusters.push(cluster);
  return cluster;
}

async function failure(work: Promise<unknown>): Promise<EdisError> {
  const caught = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (caught instanceof EdisError) return caught;
  throw new Error(`expected an EdisError, got ${String(caught)}`);
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a ready cluster has every process with its pid, address and shard', async () => {
  const cluster = await start({ replicas: 2 });
  await cluster.waitReady(20_000);
  expect(cluster.processes.map(({ name, state, shard }) => [name, state, shard])).toEqual([
    ['info', 'ready', undefined],
    ['write-shard-1', 'ready', 's1'],
    ['write-shard-2', 'ready', 's2'],
    ['read-shard-1-1', 'ready', undefined],
    ['read-shard-1-2', 'ready', undefined],
    ['read-shard-2-1', 'ready', undefined],
    ['read-shard-2-2', 'ready', undefined],
  ]);
  expect(new Set(cluster.processes.map((process) => process.address)).size).toBe(7);
  expect(cluster.info).toBe(cluster.process('info').address);
});

test('replicas are told the shard of their write shard, and everyone where info is', async () => {
  const lines = new Map<string, ProcessLine[]>();
  const cluster = await start({
    onLine: (process, line) => lines.set(process.name, [...(lines.get(process.name) ?? []), line]),
    env: { EDIS_INFO: 'set for the children' },
  });
  await cluster.waitReady(20_000);
  const listening = lines.get('read-shard-2-1')?.[0]?.fields;
  expect(listening?.['argv']).toEqual(expect.arrayContaining(['--info', cluster.info, '--shard', 's2', '--ephemeral']));
  expect(listening?.['env']).toBe('set for the children');
});

test('a process that is started again has its old address', async () => {
  const cluster = await start();
  await cluster.waitReady(20_000);
  const shard = cluster.process('write-shard-1');
  const { address, pid } = shard;
  shard.kill('SIGKILL');
  expect(await shard.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(shard.pid).toBeUndefined();
  expect((await failure(cluster.waitReady(1000))).message).toBe('write-shard-1 was ended by SIGKILL');
  await shard.start();
  await cluster.waitReady(20_000);
  expect(shard.address).toBe(address);
  expect(shard.pid).not.toBe(pid);
});

test('a port in use is told in one line and leaves nothing running', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const error = await failure(start({ infoPort: port }));
  expect(error.code).toBe('port-in-use');
  expect(error.message).toBe(`info ended with exit code 2: info: port ${port} is in use`);
  server.close();
});

test('a process that ends before it is ready rejects the wait at once with its own reason', async () => {
  const cluster = await start({ settings: { readShard: ['--fail', '5'] } });
  const error = await failure(cluster.waitReady(60_000));
  expect(error.code).toBe('refused');
  expect(error.message).toMatch(/^read-shard-[12]-1 ended with exit code 5: read-shard-[12]-1: it cannot start$/);
});

test('a process that does not become ready rejects the wait at the timeout', async () => {
  const cluster = await start({ settings: { writeShard: ['--never-ready'] } });
  const error = await failure(cluster.waitReady(300));
  expect(error.code).toBe('deadline');
});

test('a write shard that waits for a person holds up nobody, its own replicas included', async () => {
  const formed = await start({ dataDirectory: directory });
  await formed.waitReady(20_000);
  await formed.stop(5000);
  const cluster = await start({ dataDirectory: directory, settings: { writeShard: ['--appeals'] } });
  await cluster.waitReady(20_000);
  expect(cluster.processes.map(({ name, state, appeal }) => [name, state, appeal])).toEqual([
    ['info', 'ready', undefined],
    ['write-shard-1', 'listening', 'write-shard-1: decide'],
    ['write-shard-2', 'listening', 'write-shard-2: decide'],
    ['read-shard-1-1', 'ready', undefined],
    ['read-shard-2-1', 'ready', undefined],
  ]);
  expect(cluster.process('read-shard-2-1').commandLine).toContain('--shard s2');
});

test('stop ends every process, kills those that do not drain, and may be repeated', async () => {
  const cluster = await start({ settings: { readShard: ['--never-ends'] } });
  await cluster.waitReady(20_000);
  const pids = cluster.processes.map((process) => process.pid);
  cluster.process('write-shard-1').kill('SIGSTOP');
  await Promise.all([cluster.stop(500), cluster.stop(500)]);
  await cluster.stop(500);
  expect(pids.filter((pid) => isAlive(pid))).toEqual([]);
  expect(cluster.processes.map((process) => process.state)).not.toContain('ready');
});

test('an aborted start leaves nothing running', async () => {
  const abort = new AbortController();
  const starting = startCluster({
    shards: 1,
    replicas: 0,
    infoPort: 0,
    binaries,
    signal: abort.signal,
    onChange: () => abort.abort(),
    settings: { info: ['--never-ready'] },
  });
  expect((await failure(starting)).code).toBe('closed');
});

test('a further read shard joins a running cluster', async () => {
  const cluster = await start();
  await cluster.waitReady(20_000);
  const added = await cluster.addReadShard('s2');
  await cluster.waitReady(20_000);
  expect([added.name, added.state]).toEqual(['read-shard-added-1', 'ready']);
  expect(cluster.processes).toContain(added);
});

test('each process has its log in a file and its data in a directory of its own', async () => {
  const lines: unknown[] = [];
  const cluster = await start({
    dataDirectory: directory,
    logDirectory: join(directory, 'logs'),
    onLine: (_, line) => lines.push(line.fields?.['argv']),
  });
  await cluster.waitReady(20_000);
  await cluster.stop(5000);
  expect(readFileSync(join(directory, 'logs', 'write-shard-2.log'), 'utf8')).toContain('"event":"ended"');
  expect(lines.flat()).toContain(join(directory, 'read-shard-2-1'));
});

test('data of another number of shards is refused before anything starts', async () => {
  const first = await start({ dataDirectory: directory });
  await first.waitReady(20_000);
  await first.stop(5000);
  const error = await failure(start({ dataDirectory: directory, shards: 3 }));
  expect(error.code).toBe('data-directory');
  expect(error.message).toContain('holds a cluster of 2 shards, not 3');
  expect(existsSync(join(directory, 'write-shard-3'))).toBe(false);
});

test.each([
  [{ shards: 0 }, 'at least 1 shard'],
  [{ replicas: -1 }, '0 or more replicas'],
  [{ shards: 200 }, 'at most 256'],
  [{ infoPort: 65_530 }, 'leaves no room'],
])('%o is refused', async (options, text) => {
  const error = await failure(start(options));
  expect(error.code).toBe('usage');
  expect(error.message).toContain(text);
});
