import type { Gauge } from './gauge.ts';
import type { Machine } from './machine.ts';
import type { Row } from './measure.ts';
import type { Measurement } from './work.ts';

export interface Report {
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rounds: number;
  readonly durationMs: number;
  readonly rows: readonly Row[];
  readonly gauges: readonly Gauge[];
}

const countFormat = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const numberFormat = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

const figures = (measurement: Measurement | undefined): readonly string[] =>
  measurement === undefined
    ? ['–', '–', '–']
    : [countFormat.format(measurement.opsPerSecond), ms(measurement.p50Ms), ms(measurement.p99Ms)];

function verdict(row: Row): string {
  if (row.floor === undefined) return row.ratio !== undefined && row.ratio < 1 ? 'slower' : '';
  if (row.ratio === undefined) return 'not compared';
  return row.passed ? 'ok' : 'BELOW';
}

const header = [
  'section',
  'operation',
  'callers',
  'keys',
  'ops/s',
  'p50 ms',
  'p99 ms',
  'baseline ops/s',
  'p50 ms',
  'p99 ms',
  'ratio',
  'floor',
  'verdict',
];

function cellsOf(row: Row): readonly string[] {
  return [
    row.section,
    row.operation,
    countFormat.format(row.callers),
    countFormat.format(row.keys),
    ...figures(row.subject),
    ...figures(row.baseline),
    row.ratio === undefined ? '–' : row.ratio.toFixed(2),
    row.floor === undefined ? '' : row.floor.toFixed(2),
    verdict(row),
  ];
}

/** A table that reads as it is and as Markdown. */
function formatTable(lines: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(1, ...lines.map((line) => line[column]?.length ?? 0)));
  const isText = (column: number): boolean => column < 2;
  const pad = (text: string, column: number): string => {
    const width = widths[column] ?? 0;
    return isText(column) ? text.padEnd(width) : text.padStart(width);
  };
  const format = (cells: readonly string[]): string => `| ${cells.map(pad).join(' | ')} |`;
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [first = [], ...rest] = lines;
  return [format(first), format(rule), ...rest.map(format)].join('\n');
}

function formatGauge({ name, value, unit, bound, passed }: Gauge): string {
  const figure = `${name}: ${numberFormat.format(value)} ${unit}`;
  if (bound === undefined) return figure;
  return `${figure} (${bound.kind} ${countFormat.format(bound.limit)} ${unit}: ${passed ? 'ok' : 'MISSED'})`;
}

export function formatReport(report: Report): string {
  const { machine } = report;
  const gib = (machine.memoryBytes / 1024 ** 3).toFixed(0);
  const parts = [
    `${machine.cpus} × ${machine.cpuModel}, ${gib} GiB, ${machine.fileSystem}, ${machine.system}, Node ${machine.node}`,
    machine.redis ?? 'no redis-server: nothing to compare with',
    `load average at the start ${machine.loadAverage.toFixed(1)}`,
    `${report.rounds} rounds of ${report.durationMs} ms (bulk, ycsb: a third; overload: half), medians;`,
    'the baseline is Redis; in "bulk" and "ycsb" a Redis Cluster of three, in "shards" one write shard,',
    'in "metadata" a put without, in "quorum" a put with ack disk, in "against" another build',
    '',
  ];
  if (report.rows.length > 0) parts.push(formatTable([header, ...report.rows.map(cellsOf)]), '');
  parts.push(...report.gauges.map(formatGauge));
  return `${parts.join('\n')}\n`;
}

export function missedFloors(report: Pick<Report, 'rows' | 'gauges'>): number {
  return [...report.rows, ...report.gauges].filter((figure) => !figure.passed).length;
}
