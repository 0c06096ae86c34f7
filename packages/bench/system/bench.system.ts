import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('the benchmark measures every cell beside redis-server and reports it as table and JSON', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edis-bench-system-'));
  try {
    const jsonFile = join(folder, 'bench.json');
    const child = spawn(
      process.execPath,
      [main, '--quick', '--no-floors', '--callers', '1,64', '--json', jsonFile, '--directory', folder],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let table = '';
    let progress = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (table += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (progress += text));
    await once(child, 'close');
    expect(child.exitCode, progress).toBe(0);
    expect(table).toContain('put memory');
    const report: unknown = JSON.parse(await readFile(jsonFile, 'utf8'));
    const measured = { opsPerSecond: expect.any(Number), p99Ms: expect.any(Number) };
    const row = { subject: expect.objectContaining(measured), baseline: expect.objectContaining(measured) };
    expect(report).toMatchObject({
      // Two sections of three cells for each number of callers, and two of three cells.
      rows: Array.from({ length: 2 * 3 * 2 + 2 * 3 }, () => expect.objectContaining(row)),
      gauges: [{ unit: 'MiB' }, { unit: 's' }],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
