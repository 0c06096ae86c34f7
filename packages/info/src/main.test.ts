import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RpcChannel } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const binary = fileURLToPath(new URL('../bin/edis-info.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

let directory: string;
const children: ChildProcessWithoutNullStreams[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-info-main-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(directory, { recursive: true, force: true });
});

function run(...flags: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [binary, '--listen', '127.0.0.1:0', ...flags]);
  children.push(child);
  return child;
}

/** The address and the cluster in the ready line. */
async function ready(child: ChildProcessWithoutNullStreams): Promise<{ address: string; cluster: string }> {
  for await (const text of createInterface({ input: child.stdout })) {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || Reflect.get(line, 'event') !== 'ready') continue;
    expect(line).toMatchObject({ role: 'info', node: expect.any(String) });
    return { address: String(Reflect.get(line, 'address')), cluster: String(Reflect.get(line, 'cluster')) };
  }
  throw new Error('edis-info ended before it was ready');
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, out, error };
}

describe('edis-info', () => {
  test('it is ready, healthy, and ends with 0 on SIGTERM', async () => {
    const child = run('--data', directory);
    const { address } = await ready(child);
    const channel = new RpcChannel(address);
    expect(await channel.health({ timeoutMs: 5000 })).toBe(true);
    channel.close();
    child.kill('SIGTERM');
    expect(await ended(child)).toMatchObject({ code: 0, error: '' });
  });

  test('after kill -9 it is the same cluster on the same data', async () => {
    const first = run('--data', directory);
    const before = await ready(first);
    first.kill('SIGKILL');
    await once(first, 'exit');
    expect((await ready(run('--data', directory))).cluster).toBe(before.cluster);
  });

  test('with --exit-with-stdin it ends when stdin closes, and ignores SIGINT', async () => {
    const child = run('--ephemeral', '--exit-with-stdin');
    await ready(child);
    child.kill('SIGINT');
    child.stdin.end();
    expect(await ended(child)).toMatchObject({ code: 0, error: '' });
  });

  test('a data directory in use, a port in use and wrong flags are one line and exit code 2', async () => {
    const running = run('--data', directory);
    const { address } = await ready(running);
    const refusals = await Promise.all([
      ended(run('--data', directory)),
      ended(spawn(process.execPath, [binary, '--ephemeral', '--listen', address])),
      ended(run('--initial-shard', '2')),
      ended(run()),
      ended(run('--ephemeral', '--store', 'etcd')),
    ]);
    for (const refusal of refusals) {
      expect(refusal.code).toBe(2);
      expect(refusal.error).toMatch(/^edis-info: [^\n]+\n$/);
    }
    expect(refusals.map((refusal) => refusal.error).join('')).not.toContain('    at ');
  });

  test('an etcd that nobody answers for is one line with its address and exit code 3', async () => {
    const endpoint = 'http://127.0.0.1:1';
    const { code, error } = await ended(run('--store', 'etcd', '--etcd', endpoint));
    expect(error).toMatch(/^edis-info: etcd at 127\.0\.0\.1:1 did not answer within 5000 ms [^\n]+; check --etcd\n$/);
    expect(code).toBe(3);
  });
});
