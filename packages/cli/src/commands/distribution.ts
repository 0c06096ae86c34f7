import type { Balance, Distribution, ShardShare } from '@edis/client';
import { showBar } from '../bar.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { showBytes, showCount, showPercent } from '../figure.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { showBytesLine } from '../record-view.ts';
import type { Column } from '../table.ts';
import { formatTable } from '../table.ts';

export const distribution: CommandDefinition = {
  name: 'distribution',
  arguments: [],
  options: {},
  examples: [
    ['distribution', 'how evenly the records are spread, and which keys are hot'],
    ['distribution --keyspace users --json', 'all figures, for programs'],
  ],
  async run(_, context) {
    const { output, settings } = context;
    const found = await withClient(context, (client) => client.distribution());
    if (settings.json) await output.json(distributionJson(found));
    else await output.line(showDistribution(found, wantsBars(context)));
    return exitCodes.done;
  },
};

/** Who reads by eye gets pictures; programs, and who asked for none, get numbers. */
function wantsBars({ output, environment }: CommandContext): boolean {
  return output.isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}

function distributionJson({ keyspace, shards, records, bytes, operations, hotKeys }: Distribution) {
  return {
    keyspace,
    shards: shards.map(({ shard, node, role, slots, ...figures }) => ({
      shard,
      node,
      role,
      slots,
      records: figures.records,
      bytes: figures.bytes,
      operationsPerSecond: figures.operationsPerSecond,
      share: figures.share,
      deviation: figures.deviation,
    })),
    records: balanceJson(records),
    bytes: balanceJson(bytes),
    operations: balanceJson(operations),
    hotKeys: hotKeys.map(({ key, shard, operationsPerSecond }) => ({
      key: toJsonBytes(key),
      shard,
      operationsPerSecond,
    })),
  };
}

function balanceJson({ total, expected, standardDeviation, coefficientOfVariation }: Balance) {
  return { total, expected, standardDeviation, coefficientOfVariation };
}

/** Wide enough to tell a few percent apart, narrow enough for 80 columns. */
const barWidth = 20;

function showDistribution(found: Distribution, bars: boolean): string {
  const { shards } = found;
  const greatest = Math.max(...shards.map(({ share }) => share), 0);
  const bar: Column<ShardShare> = {
    title: '',
    cell: ({ share }) => showBar(greatest === 0 ? 0 : share / greatest, barWidth),
  };
  const table = formatTable(
    [
      { title: 'SHARD', cell: ({ shard }) => shard },
      { title: 'NODE', cell: ({ node }) => node },
      { title: 'SLOTS', align: 'right', cell: ({ slots }) => String(slots) },
      { title: 'KEYS', align: 'right', cell: ({ records }) => showCount(records) },
      { title: 'SHARE', align: 'right', cell: ({ share }) => showPercent(share) },
      ...(bars ? [bar] : []),
      { title: 'DEVIATION', align: 'right', cell: ({ deviation }) => showDeviation(deviation) },
      { title: 'BYTES', align: 'right', cell: ({ bytes }) => showBytes(bytes) },
      {
        title: 'OPS/S OF ALL KEYSPACES',
        align: 'right',
        cell: ({ operationsPerSecond }) => showCount(operationsPerSecond),
      },
    ],
    shards,
  );
  const balances = formatTable(
    [
      { title: 'BALANCE OF', cell: ([name]) => name },
      { title: 'TOTAL', align: 'right', cell: ([name, { total }]) => showAmount(name, total) },
      { title: 'EXPECTED', align: 'right', cell: ([name, { expected }]) => showAmount(name, expected) },
      {
        title: 'STD DEV',
        align: 'right',
        cell: ([name, { standardDeviation }]) => showAmount(name, standardDeviation),
      },
      {
        title: 'VARIATION',
        align: 'right',
        cell: ([, { coefficientOfVariation }]) => showPercent(coefficientOfVariation),
      },
    ],
    [['keys', found.records] as const, ['bytes', found.bytes] as const, ['ops/s', found.operations] as const],
  );
  const lines = [`keyspace ${found.keyspace}`, '', table, '', balances];
  if (found.hotKeys.length > 0) lines.push('', showHotKeys(found));
  return lines.join('\n');
}

function showHotKeys({ hotKeys }: Distribution): string {
  return formatTable(
    [
      { title: 'HOT KEY', cell: ({ key }) => showBytesLine(key) },
      { title: 'SHARD', cell: ({ shard }) => shard },
      {
        title: 'OPS/S (ESTIMATE)',
        align: 'right',
        cell: ({ operationsPerSecond }) => showCount(Math.round(operationsPerSecond)),
      },
    ],
    hotKeys,
  );
}

function showAmount(name: string, amount: number): string {
  return name === 'bytes' ? showBytes(amount) : showCount(round(amount));
}

function showDeviation(deviation: number): string {
  const rounded = round(deviation);
  return rounded > 0 ? `+${showCount(rounded)}` : showCount(rounded);
}

/** One digit after the point is enough for people. */
function round(amount: number): number {
  return Math.round(amount * 10) / 10;
}
