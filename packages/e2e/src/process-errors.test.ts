import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@edis/client';
import type { ProcessRole } from '@edis/launcher';
import { locateBinaries } from '@edis/launcher';
import type { Ended, Program, ProgramOptions } from '@edis/testkit';
import { Programs, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edisFile } from './edis.ts';

const binaries = locateBinaries();
const programs = new Programs();
const recordCount = 200;
/** Nobody listens on the port of tcpmux. */
const nobody = '127.0.0.1:1';

let directory: string;
/** A running cluster of one shard, s1. */
let info: Program;
let infoAddress: string;
let writeShard: Program;
let writeShardAddress: string;
/** A stopped write shard's directory with records in it, to copy and to damage; its info is still there. */
let template: string;
let templateInfoAddress: string;

function start(role: ProcessRole, args: readonly string[], options: ProgramOptions = {}): Program {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  return programs.start(binaries[role], [...args, ...listen], options);
}

function shard(role: 'write-shard' | 'read-shard', data: string, ...args: string[]): Program {
  return start(role, ['--info', infoAddress, '--data', data, ...args]);
}

async function addressOf(program: Program): Promise<string> {
  return String((await program.event('ready'))['address']);
}

/** One line on stderr that has all these texts, no stack trace, and the exit code. */
function expectError(ended: Ended, code: number, ...texts: string[]): void {
  expect(ended.stderr).toMatch(/^[a-z-]+: [^\n]+\n$/);
  for (const text of texts) expect(ended.stderr).toContain(text);
  expect(ended.stderr).not.toMatch(/\bat \S+:\d+:\d+/);
  expect(ended.code).toBe(code);
}

async function copyOfTemplate(name: string): Promise<string> {
  const copy = join(directory, name);
  await cp(template, copy, { recursive: true });
  return copy;
}

async function segmentsOf(data: string): Promise<string[]> {
  return (await readdir(join(data, 'log'))).toSorted().map((name) => join(data, 'log', name));
}

async function makeTemplate(): Promise<string> {
  const data = join(directory, 'template');
  const own = start('info', ['--ephemeral', '--initial-shards', '1']);
  const address = await addressOf(own);
  templateInfoAddress = address;
  const flags = ['--info', address, '--data', data, '--segment', '64KiB'];
  const primary = start('write-shard', flags);
  await primary.event('ready');
  const client = await connect({ info: address, timeoutMs: 20_000 });
  for (let index = 0; index < recordCount; index += 1) await client.put(`key-${index}`, randomBytes(1000));
  await client.close();
  primary.kill('SIGTERM');
  await primary.ended;
  return data;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-process-errors-'));
  info = start('info', ['--data', join(directory, 'info'), '--initial-shards', '1']);
  infoAddress = await addressOf(info);
  writeShard = shard('write-shard', join(directory, 'w1'), '--node', 'w1');
  [writeShardAddress, template] = await Promise.all([addressOf(writeShard), makeTemplate()]);
});

afterAll(async () => {
  await programs.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

describe.each(['info', 'write-shard', 'read-shard'] as const)('edis-%s', (role) => {
  test('wrong settings are one line that names them, and exit code 2', async () => {
    const [flag, variable, noData, port] = await Promise.all([
      start(role, ['--ephemeral', '--log-levle', 'info']).ended,
      start(role, ['--ephemeral'], { env: { EDIS_LOG_LEVEL: 'loud' } }).ended,
      start(role, []).ended,
      start(role, ['--ephemeral', '--listen', writeShardAddress]).ended,
    ]);
    expectError(flag, 2, '--log-levle', 'did you mean --log-level');
    expectError(variable, 2, 'EDIS_LOG_LEVEL', "'loud'");
    expectError(noData, 2, '--data');
    expectError(port, 2, `another process listens on ${writeShardAddress}`);
  });

  test('SIGTERM drains it, and so does the end of stdin with --exit-with-stdin: exit code 0', async () => {
    const flags = role === 'info' ? ['--ephemeral'] : ['--ephemeral', '--info', nobody];
    const signalled = start(role, flags);
    const child = start(role, [...flags, '--exit-with-stdin'], { keepStdinOpen: true });
    await Promise.all([signalled.event('listening'), child.event('listening')]);
    signalled.kill('SIGTERM');
    child.kill('SIGINT');
    child.closeStdin();
    expect(await signalled.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' });
    expect(child.documents).toContainEqual(expect.objectContaining({ event: 'draining', cause: 'stdin closed' }));
  });
});

test.each(['write-shard', 'read-shard'] as const)(
  'an edis-%s that nobody answers says so once and goes on trying until info is there',
  async (role) => {
    const first = start('info', ['--ephemeral', '--initial-shards', '1']);
    const address = await addressOf(first);
    first.kill('SIGTERM');
    await first.ended;
    const waiting = start(role, ['--info', address, '--ephemeral']);
    await waiting.event('info-lost');
    const late = start('info', ['--ephemeral', '--initial-shards', '1', '--listen', address]);
    await late.event('ready');
    if (role === 'read-shard') start('write-shard', ['--info', address, '--ephemeral']);
    await waiting.event('ready');
    const warnings = waiting.documents.filter(({ event }) => event === 'info-lost');
    expect(warnings).toEqual([expect.objectContaining({ info: address, level: 40 })]);
    waiting.kill('SIGTERM');
    expect(await waiting.ended).toMatchObject({ code: 0, stderr: '' });
  },
);

describe('a data directory', () => {
  test('of a living process is refused', async () => {
    const data = join(directory, 'w1');
    const refusals = await Promise.all([shard('write-shard', data).ended, shard('read-shard', data).ended]);
    for (const refusal of refusals) expectError(refusal, 2, data, 'in use');
    expectError(await start('info', ['--data', join(directory, 'info')]).ended, 2, join(directory, 'info'), 'in use');
    expect(writeShard.running && info.running).toBe(true);
  });

  test('whose name a file has is refused', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    const cause = `cannot make the data directory ${file}: something else has that name`;
    expectError(await shard('write-shard', file).ended, 2, cause);
  });

  test('of another cluster is refused by info', async () => {
    const data = await copyOfTemplate('other-cluster');
    expectError(await shard('write-shard', data).ended, 5, 'the data directory belongs to cluster');
  });

  test('of another shard is refused', async () => {
    const data = await copyOfTemplate('other-shard');
    expectError(await shard('write-shard', data, '--shard', 's2').ended, 2, data, 'belongs to shard s1, not to s2');
  });

  test('of info is refused for a shard, and of a shard for info', async () => {
    const infoData = join(directory, 'stopped-info');
    const stopped = start('info', ['--data', infoData]);
    await stopped.event('ready');
    stopped.kill('SIGTERM');
    await stopped.ended;
    expectError(await shard('write-shard', infoData).ended, 2, infoData, 'no Edis data directory');
    expectError(await start('info', ['--data', template]).ended, 2, template, 'belongs to a shard');
  });

  test('of a newer format is refused, and left as it is', async () => {
    const data = await copyOfTemplate('newer');
    const file = join(data, 'store.json');
    const newer = (await readFile(file, 'utf8')).replace('"formatVersion": 1', '"formatVersion": 2');
    await writeFile(file, newer);
    expectError(await shard('write-shard', data).ended, 2, file, 'format version 2', 'reads 1');
    expect(await readFile(file, 'utf8')).toBe(newer);
  });

  test('of a primary is taken by either program: which part a store plays is decided by its group', async () => {
    const data = join(directory, 'primary-as-read-shard');
    const own = start('info', ['--ephemeral', '--initial-shards', '1']);
    const flags = ['--info', await addressOf(own), '--data', data];
    const primary = start('write-shard', flags);
    await primary.event('ready');
    primary.kill('SIGTERM');
    await primary.ended;
    const again = start('read-shard', flags);
    expect(await again.event('active')).toMatchObject({ event: 'active', epoch: 2 });
  });

  test('that is new is refused for a shard that another one has', async () => {
    const refused = await shard('write-shard', join(directory, 'late'), '--shard', 's1').ended;
    expectError(refused, 5, 'shard s1 belongs to another data directory');
  });
});

async function overwrite(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

/** The tables of the view, after a start has moved all rows from LevelDB's own log into them. */
async function tablesOf(flags: readonly string[], data: string): Promise<string[]> {
  const opened = start('write-shard', flags);
  await opened.event('listening');
  opened.kill('SIGTERM');
  await opened.ended;
  const names = (await readdir(join(data, 'view'))).filter((name) => name.endsWith('.ldb'));
  return names.map((name) => join(data, 'view', name));
}

describe('damage', () => {
  test('in the middle of the log ends with 74 and names file and offset', async () => {
    const data = await copyOfTemplate('damaged-log');
    const last = (await segmentsOf(data)).at(-1) ?? '';
    await overwrite(last, 1500, Buffer.from('damage'));
    expectError(await shard('write-shard', data).ended, 74, last, 'at offset', 'though it was synced');
  });

  test('of a torn tail is cut, and every record is there', async () => {
    const data = await copyOfTemplate('torn');
    const last = (await segmentsOf(data)).at(-1) ?? '';
    const whole = await readFile(last);
    await writeFile(last, Buffer.concat([whole, whole.subarray(0, 700)]));
    const torn = start('write-shard', ['--info', templateInfoAddress, '--data', data]);
    await torn.event('ready');
    const client = await connect({ info: templateInfoAddress, timeoutMs: 20_000 });
    const reads = await client.mget(Array.from({ length: recordCount }, (_, index) => `key-${index}`));
    await client.close();
    expect(reads.filter((read) => read?.value.length === 1000)).toHaveLength(recordCount);
    torn.kill('SIGTERM');
    expect((await torn.ended).code).toBe(0);
    // The new epoch's entry stands where the torn one did.
    expect((await readFile(last)).subarray(0, whole.length)).toEqual(whole);
  });

  test('of one record is named to who asks for it, and the others are served', async () => {
    const data = await copyOfTemplate('damaged-record');
    const flags = ['--info', templateInfoAddress, '--data', data];
    const [table = ''] = await tablesOf(flags, data);
    await overwrite(table, 100_000, Buffer.from('damage'));
    const running = start('write-shard', flags);
    await running.event('ready');
    const client = await connect({ info: templateInfoAddress, timeoutMs: 20_000 });
    const keys = Array.from({ length: recordCount }, (_, index) => `key-${index}`);
    const reads = await Promise.allSettled(keys.map((key) => client.get(key, { timeoutMs: 2000 })));
    await client.close();
    const failures = reads.flatMap((read): unknown[] => (read.status === 'rejected' ? [read.reason] : []));
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(recordCount / 2);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: 'unreachable', message: expect.stringContaining(join(data, 'view')) });
    }
    expect(running.running).toBe(true);
    running.kill('SIGTERM');
    await running.ended;
  });

  test('of store.json ends with 74 and names it', async () => {
    const data = await copyOfTemplate('damaged-identity');
    const file = join(data, 'store.json');
    await truncate(file, 40);
    expectError(await shard('write-shard', data).ended, 74, file);
  });

  test('of the view ends with 74 and names it', async () => {
    const data = await copyOfTemplate('damaged-view');
    const view = join(data, 'view');
    const manifest = (await readdir(view)).find((name) => name.startsWith('MANIFEST')) ?? '';
    await writeFile(join(view, manifest), Buffer.alloc(200, 0x55));
    expectError(await shard('write-shard', data).ended, 74, view);
  });

  test('of a missing file of the view ends with 74 and names it', async () => {
    const data = await copyOfTemplate('missing-view-file');
    const view = join(data, 'view');
    const tables = await tablesOf(['--info', nobody, '--data', data], data);
    expect(tables.length).toBeGreaterThan(0);
    await Promise.all(tables.map((table) => rm(table)));
    expectError(await shard('write-shard', data).ended, 74, view);
  });

  test('of info’s database ends with 74 and names the directory', async () => {
    const data = join(directory, 'damaged-info');
    const first = start('info', ['--data', data]);
    await first.event('ready');
    first.kill('SIGTERM');
    await first.ended;
    const database = join(data, 'topology');
    const manifest = (await readdir(database)).find((name) => name.startsWith('MANIFEST')) ?? '';
    await writeFile(join(database, manifest), Buffer.alloc(200, 0x55));
    expectError(await start('info', ['--data', data]).ended, 74, data);
  });
});

test('edis up on a used port is one error with exit code 2, and leaves no process', async () => {
  const port = infoAddress.slice(infoAddress.lastIndexOf(':') + 1);
  const data = join(directory, 'up');
  const { code, stdout, stderr } = await programs.start(edisFile, ['up', '--port', port, '--data', data]).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  const errors = stderr.split('\n').filter((line) => line.startsWith('edis: ') && !line.startsWith('edis: starting'));
  expect(errors).toEqual([expect.stringContaining(`127.0.0.1:${port}`)]);
  // The pid stands in each line that the child has logged.
  const pids = [...stderr.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid));
  expect(pids.length).toBeGreaterThan(0);
  await waitFor(() => pids.every((pid) => !isRunning(pid)), `the processes ${pids.join(', ')} to be gone`, 5000);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
