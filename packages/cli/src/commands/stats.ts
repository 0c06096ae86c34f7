import type { ClusterStats, NodeStatsReply, ShardStats } from '@edis/client';
import type { LatencyFigures, NodeStats } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { showBytes, showCount, showLatency, showShare } from '../figure.ts';
import { toJsonBytes } from '../json-bytes.ts';
import type { Column } from '../table.ts';
import { formatWrappedTable } from '../table.ts';

export const stats: CommandDefinition = {
  name: 'stats',
  arguments: [],
  options: {},
  examples: [
    ['stats', 'keys, load, latency, lag and memory of every node'],
    ['stats --json', 'all figures, for programs'],
  ],
  async run(_, context) {
    const { output, settings } = context;
    const found = await withCluster(context, (client) => client.clusterStats());
    if (settings.json) await output.json(statsJson(found));
    else await output.line(showStats(found, output.columns));
    // A node that does not answer is shown as such; the command itself has done what it should.
    return exitCodes.done;
  },
};

export function statsJson({ shards, nodes }: ClusterStats) {
  return {
    shards: shards.map((shard) => ({ ...shard, cacheHitRatio: shard.cacheHitRatio ?? null })),
    nodes: nodes.map(replyJson),
  };
}

function replyJson(reply: NodeStatsReply) {
  if (reply.stats === undefined) {
    const { node, shard, error } = reply;
    return { node, shard, error: { code: error.code, message: error.message } };
  }
  // Who it is comes first, lists come last: a line of many figures is also read by people.
  const { node, shard, role, keyspaces, hotKeys, ...figures } = reply.stats;
  return {
    node,
    shard,
    role,
    ...figures,
    cacheHitRatio: hitRatio(figures),
    keyspaces,
    hotKeys: hotKeys.map(({ keyspace, key, operationsPerSecond }) => ({
      keyspace,
      key: toJsonBytes(Buffer.from(key, 'latin1')),
      operationsPerSecond,
    })),
  };
}

function hitRatio({ cacheHitCount, cacheMissCount }: CacheFigures): number | null {
  const lookups = cacheHitCount + cacheMissCount;
  return lookups === 0 ? null : cacheHitCount / lookups;
}

type CacheFigures = Pick<NodeStats, 'cacheHitCount' | 'cacheMissCount'>;
type Answered = Extract<NodeStatsReply, { readonly stats: NodeStats }>;

const columns: readonly Column<Answered>[] = [
  { title: 'SHARD', cell: ({ shard }) => shard },
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'ROLE', cell: ({ stats: { role } }) => role },
  { title: 'KEYS', align: 'right', cell: ({ stats: { recordCount } }) => showCount(recordCount) },
  { title: 'BYTES', align: 'right', cell: ({ stats: { recordBytes } }) => showBytes(recordBytes) },
  { title: 'OPS/S', align: 'right', cell: ({ stats: { operationsPerSecond } }) => showCount(operationsPerSecond) },
  { title: 'READ P50/P99', align: 'right', cell: ({ stats: { readLatencyUs } }) => showLatencies(readLatencyUs) },
  { title: 'WRITE P50/P99', align: 'right', cell: ({ stats: { writeLatencyUs } }) => showLatencies(writeLatencyUs) },
  {
    title: 'LAG',
    align: 'right',
    cell: ({ stats: { role, lagEntries, stalenessMs } }) =>
      role === 'primary' ? '–' : `${showCount(lagEntries)} (${stalenessMs} ms)`,
  },
  { title: 'QUEUE', align: 'right', cell: ({ stats: { queueOperations } }) => showCount(queueOperations) },
  { title: 'OVERLAY', align: 'right', cell: ({ stats: { overlayBytes } }) => showBytes(overlayBytes) },
  {
    title: 'CACHE HITS',
    align: 'right',
    cell: ({ stats: { cacheHitCount, cacheMissCount } }) => showShare(cacheHitCount, cacheMissCount),
  },
  { title: 'POSITION', align: 'right', cell: ({ stats: { lastEntry } }) => String(lastEntry.position) },
  { title: 'LOG', align: 'right', cell: ({ stats: { logBytes } }) => showBytes(logBytes) },
  {
    title: 'RECEIPTS',
    align: 'right',
    cell: ({ stats: { receiptOperations } }) => showCount(receiptOperations),
  },
  { title: 'MEMORY', align: 'right', cell: ({ stats: { residentBytes } }) => showBytes(residentBytes) },
];

const shardColumns: readonly Column<ShardStats>[] = [
  { title: 'SHARD', cell: ({ shard }) => shard },
  { title: 'NODES', align: 'right', cell: ({ nodeCount }) => String(nodeCount) },
  { title: 'KEYS', align: 'right', cell: ({ recordCount }) => showCount(recordCount) },
  { title: 'BYTES', align: 'right', cell: ({ recordBytes }) => showBytes(recordBytes) },
  { title: 'OPS/S', align: 'right', cell: ({ operationsPerSecond }) => showCount(operationsPerSecond) },
  { title: 'READ P50/P99', align: 'right', cell: ({ readLatencyUs }) => showLatencies(readLatencyUs) },
  { title: 'WRITE P50/P99', align: 'right', cell: ({ writeLatencyUs }) => showLatencies(writeLatencyUs) },
  {
    title: 'CACHE HITS',
    align: 'right',
    cell: ({ cacheHitCount, cacheMissCount }) => showShare(cacheHitCount, cacheMissCount),
  },
  { title: 'MOST LAG', align: 'right', cell: ({ lagEntries }) => showCount(lagEntries) },
  { title: 'QUEUE', align: 'right', cell: ({ queueOperations }) => showCount(queueOperations) },
];

/** @param terminalColumns undefined: there is no terminal; 0: it does not know its own width */
function showStats({ shards, nodes }: ClusterStats, terminalColumns: number | undefined): string {
  const width = terminalColumns === undefined || terminalColumns === 0 ? Number.POSITIVE_INFINITY : terminalColumns;
  const answered = nodes.filter((reply): reply is Answered => reply.stats !== undefined);
  const lines = [formatWrappedTable(shardColumns, shards, 1, width), ''];
  lines.push(formatWrappedTable(columns, answered, 2, width));
  for (const reply of nodes) {
    if (reply.error !== undefined) lines.push(`${reply.node} (${reply.shard}) does not answer: ${reply.error.message}`);
  }
  return lines.join('\n');
}

function showLatencies({ p50, p99 }: LatencyFigures): string {
  return p99 === 0 ? '–' : `${showLatency(p50)} / ${showLatency(p99)}`;
}
