import type { NodeStatsReply } from '@edis/client';
import type { NodeStats } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { showBytes, showCount, showShare } from '../figure.ts';
import type { Column } from '../table.ts';
import { formatTable } from '../table.ts';
import { sortByShard } from '../topology-view.ts';

export const stats: CommandDefinition = {
  name: 'stats',
  positionals: '',
  minPositionals: 0,
  maxPositionals: 0,
  options: {},
  examples: [['stats --json', 'all figures, for programs']],
  async run(_, context) {
    const { output, settings } = context;
    const replies = sortByShard(await withClient(context, (client) => client.stats()));
    if (settings.json) await output.json({ nodes: replies.map(replyJson) });
    else await output.line(showStats(replies));
    // A node that does not answer is shown as such; the command itself has done what it should.
    return exitCodes.done;
  },
};

function replyJson(reply: NodeStatsReply) {
  const { node, shard } = reply;
  if (reply.stats !== undefined) return { ...reply.stats, node, shard };
  return { node, shard, error: { code: reply.error.code, message: reply.error.message } };
}

type Answered = Extract<NodeStatsReply, { readonly stats: NodeStats }>;

const columns: readonly Column<Answered>[] = [
  { title: 'SHARD', cell: ({ shard }) => shard },
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'ROLE', cell: ({ stats: { role } }) => role },
  { title: 'KEYS', align: 'right', cell: ({ stats: { recordCount } }) => showCount(recordCount) },
  { title: 'BYTES', align: 'right', cell: ({ stats: { recordBytes } }) => showBytes(recordBytes) },
  { title: 'OPS/S', align: 'right', cell: ({ stats: { operationsPerSecond } }) => showCount(operationsPerSecond) },
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
  { title: 'MEMORY', align: 'right', cell: ({ stats: { residentBytes } }) => showBytes(residentBytes) },
];

function showStats(replies: readonly NodeStatsReply[]): string {
  const answered = replies.filter((reply): reply is Answered => reply.stats !== undefined);
  const lines = [formatTable(columns, answered)];
  for (const reply of replies) {
    if (reply.error !== undefined) lines.push(`${reply.node} (${reply.shard}) does not answer: ${reply.error.message}`);
  }
  return lines.join('\n');
}
