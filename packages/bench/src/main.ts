import { writeFile } from 'node:fs/promises';
import { TestBed } from './bed.ts';
import type { Gauge } from './gauge.ts';
import { describeMachine } from './machine.ts';
import type { Row } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { helpText, parseOptions } from './options.ts';
import { findRedisServer } from './redis-server.ts';
import type { Report } from './report.ts';
import { formatReport, missedFloors } from './report.ts';
import { runSection } from './section.ts';

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

async function measure(bed: TestBed, options: BenchOptions): Promise<Report> {
  const startedAt = new Date();
  const redisVersion = options.redis ? findRedisServer() : undefined;
  if (redisVersion === undefined) progress('without redis-server on the PATH there is nothing to compare with');
  const machine = await describeMachine(bed.directory, redisVersion);
  const rows: Row[] = [];
  const gauges: Gauge[] = [];
  for (const section of options.sections) {
    progress(`section ${section}`);
    const result = await runSection(section, { bed, options, redis: redisVersion !== undefined, progress });
    rows.push(...result.rows);
    gauges.push(...result.gauges);
    await bed.clear();
  }
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  const { rounds, durationMs } = options;
  return { startedAt: startedAt.toISOString(), seconds, machine, rounds, durationMs, rows, gauges };
}

async function run(options: BenchOptions): Promise<number> {
  const bed = await TestBed.open(options.directory);
  // Ending the bed makes the measurement fail, and that ends the run.
  const interrupt = (): void => {
    progress('interrupted; stopping the servers');
    bed.close().then(
      () => process.exit(130),
      () => process.exit(130),
    );
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const report = await measure(bed, options);
    process.stdout.write(formatReport(report));
    if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    const missed = missedFloors(report);
    if (missed > 0) progress(`${missed} of the floors were missed`);
    return missed > 0 && options.floors ? 1 : 0;
  } finally {
    await bed.close();
  }
}

async function main(argv: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(argv);
  } catch (error) {
    progress(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options.help) {
    process.stdout.write(helpText);
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    progress(`the benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
