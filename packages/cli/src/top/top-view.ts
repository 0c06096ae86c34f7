/** One picture of a cluster at work, fitted to the size that there is. */
import type { NodeStatsReply } from '@edis/client';
import type { LatencyFigures, NodeStats, Topology } from '@edis/core';
import { showBytes, showCount, showLatency, showShare } from '../figure.ts';
import { printableLine } from '../printable.ts';
import { showBytesLine } from '../record-view.ts';
import type { Column } from '../table.ts';
import { formatTable } from '../table.ts';

export interface TopPicture {
  readonly topology: Topology;
  /** In the order of their shards. */
  readonly replies: readonly NodeStatsReply[];
  /** Why this is not the newest; undefined: it is. */
  readonly fault: string | undefined;
}

export interface TopSize {
  readonly columns: number;
  readonly rows: number;
}

/** Lines of the picture; the first is its title. */
export function showTop({ topology, replies, fault }: TopPicture, { columns, rows }: TopSize): string[] {
  const answered = replies.flatMap((reply) => (reply.stats === undefined ? [] : [reply.stats]));
  const lines = [showTitle(topology, replies, answered), ''];
  lines.push(...fittingTable(nodeColumns, replies, columns));
  const hot = hotKeys(topology, answered);
  if (hot.length > 0) lines.push('', ...fittingTable(hotColumns, hot, columns));
  const notes = fault === undefined ? [] : [`no answer: ${printableLine(fault)}`];
  const room = rows - notes.length;
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} lines more`];
  return [...shown, ...notes].map((line) => line.slice(0, columns));
}

function showTitle(
  { cluster, revision }: Topology,
  replies: readonly NodeStatsReply[],
  answered: readonly NodeStats[],
): string {
  const sum = (figure: (stats: NodeStats) => number) => answered.reduce((total, stats) => total + figure(stats), 0);
  const shards = new Set(replies.map(({ shard }) => shard)).size;
  const nodes = answered.length === replies.length ? String(replies.length) : `${answered.length} of ${replies.length}`;
  const keys = answered.filter(({ role }) => role === 'primary').reduce((total, stats) => total + stats.recordCount, 0);
  return [
    `edis top: cluster ${printableLine(cluster)}, revision ${revision}`,
    `${shards} ${shards === 1 ? 'shard' : 'shards'}, ${nodes} ${replies.length === 1 ? 'node' : 'nodes'}`,
    `${showCount(keys)} keys`,
    `${showCount(sum((stats) => stats.operationsPerSecond))} ops/s`,
  ].join(' · ');
}

/** A column, and how soon it is left out where there is no room: the lowest first. */
interface RankedColumn<Row> extends Column<Row> {
  readonly rank: number;
}

function fittingTable<Row>(all: readonly RankedColumn<Row>[], rows: readonly Row[], width: number): string[] {
  let columns = all;
  for (;;) {
    const lines = formatTable(columns, rows).split('\n');
    if (columns.length === 1 || lines.every((line) => line.length <= width)) return lines;
    const least = Math.min(...columns.map(({ rank }) => rank));
    columns = columns.filter(({ rank }) => rank !== least);
  }
}

const ofStats =
  (cell: (stats: NodeStats) => string) =>
  ({ stats }: NodeStatsReply): string =>
    stats === undefined ? '' : cell(stats);

const nodeColumns: readonly RankedColumn<NodeStatsReply>[] = [
  { title: 'SHARD', rank: 20, cell: ({ shard }) => printableLine(shard) },
  { title: 'NODE', rank: 19, cell: ({ node }) => printableLine(node) },
  { title: 'ROLE', rank: 13, cell: ({ stats }) => stats?.role ?? 'no answer' },
  { title: 'KEYS', rank: 17, align: 'right', cell: ofStats((stats) => showCount(stats.recordCount)) },
  { title: 'BYTES', rank: 9, align: 'right', cell: ofStats((stats) => showBytes(stats.recordBytes)) },
  { title: 'OPS/S', rank: 18, align: 'right', cell: ofStats((stats) => showCount(stats.operationsPerSecond)) },
  { title: 'READ P50', rank: 7, align: 'right', cell: ofStats((stats) => showPart(stats.readLatencyUs, 'p50')) },
  { title: 'READ P99', rank: 15, align: 'right', cell: ofStats((stats) => showPart(stats.readLatencyUs, 'p99')) },
  { title: 'WRITE P50', rank: 8, align: 'right', cell: ofStats((stats) => showPart(stats.writeLatencyUs, 'p50')) },
  { title: 'WRITE P99', rank: 16, align: 'right', cell: ofStats((stats) => showPart(stats.writeLatencyUs, 'p99')) },
  { title: 'LAG', rank: 14, align: 'right', cell: ofStats(showLag) },
  { title: 'QUEUE', rank: 12, align: 'right', cell: ofStats((stats) => showCount(stats.queueOperations)) },
  {
    title: 'CACHE HITS',
    rank: 6,
    align: 'right',
    cell: ofStats(({ cacheHitCount, cacheMissCount }) => showShare(cacheHitCount, cacheMissCount)),
  },
  { title: 'MEMORY', rank: 5, align: 'right', cell: ofStats((stats) => showBytes(stats.residentBytes)) },
];

function showPart(figures: LatencyFigures, part: keyof LatencyFigures): string {
  return showLatency(figures[part]);
}

function showLag({ role, lagEntries, stalenessMs }: NodeStats): string {
  return role === 'primary' ? '–' : `${showCount(lagEntries)} (${stalenessMs} ms)`;
}

interface HotRow {
  readonly keyspace: string;
  readonly key: string;
  readonly shard: string;
  readonly operationsPerSecond: number;
}

const hotColumns: readonly RankedColumn<HotRow>[] = [
  { title: 'HOT KEYS/S', rank: 4, align: 'right', cell: ({ operationsPerSecond }) => operationsPerSecond.toFixed(1) },
  { title: 'KEYSPACE', rank: 1, cell: ({ keyspace }) => keyspace },
  { title: 'SHARD', rank: 2, cell: ({ shard }) => shard },
  { title: 'KEY', rank: 3, cell: ({ key }) => key },
];

const maxHotKeys = 10;
/** A key can be as long as a page; its beginning tells enough. */
const maxKeyLength = 60;

/** What its members say of a key is added up: each sees its own part of the load. */
function hotKeys(topology: Topology, answered: readonly NodeStats[]): HotRow[] {
  const names = new Map(topology.keyspaces.map(({ id, name }) => [id, name]));
  const rows = new Map<string, HotRow>();
  for (const { shard, hotKeys: hot } of answered) {
    for (const { keyspace, key, operationsPerSecond } of hot) {
      const id = `${keyspace} ${key}`;
      const earlier = rows.get(id)?.operationsPerSecond ?? 0;
      const text = showBytesLine(Buffer.from(key, 'latin1'));
      rows.set(id, {
        keyspace: names.get(keyspace) ?? String(keyspace),
        key: text.length > maxKeyLength ? `${text.slice(0, maxKeyLength)}…` : text,
        shard: printableLine(shard),
        operationsPerSecond: earlier + operationsPerSecond,
      });
    }
  }
  return [...rows.values()]
    .toSorted((left, right) => right.operationsPerSecond - left.operationsPerSecond)
    .slice(0, maxHotKeys);
}
