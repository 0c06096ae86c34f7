import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A run of a minute or so starts some forty processes, which a busy machine does slowly. */
const runDeadlineMs = 300_000;

/** Rows of each section, in their order: with `--callers 1,64`, three cells for each number in two of them. */
const comparedBefore = { small: 6, large: 6, shards: 3, replica: 3, quorum: 1, bulk: 6 };
const alone = { scan: 1, search: 2 };
const comparedAfter = { metadata: 2, ycsb: 10 };
/** Memory and first sync; failover; scan; search by one and by two fields; feed; overload; expiry; testing. */
const gaugeCount = 2 + 10 + 1 + 2 + 4 + 7 + 3 + 2;

const expectRows = (counts: Readonly<Record<string, number>>, row: object): unknown[] =>
  Object.entries(counts).flatMap(([section, count]) =>
    Array.from({ length: count }, (): unknown => expect.objectContaining({ section, ...row })),
  );

it(
  'the benchmark measures every cell beside redis-server and reports it as table and JSON',
  async () => {
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
      const subject: unknown = expect.objectContaining(measured);
      expect(report).toMatchObject({
        rows: [
          ...expectRows(comparedBefore, { subject, baseline: subject }),
          ...expectRows(alone, { subject }),
          ...expectRows(comparedAfter, { subject, baseline: subject }),
        ],
        gauges: Array.from({ length: gaugeCount }, () => ({ value: expect.any(Number) })),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  runDeadlineMs,
);
