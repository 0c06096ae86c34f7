import type { ClusterDescription } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { stuckShards, thinShards } from '../group-advice.ts';
import { formatTable } from '../table.ts';
import { isVoting, memberRows, showEndpoints, showLag, showState, slotsOf, topologyJson } from '../topology-view.ts';

export const topology: CommandDefinition = {
  name: 'topology',
  arguments: [],
  options: {},
  examples: [['topology --json', 'the same, with endpoints and process ids, for programs']],
  async run(_, context) {
    const { output, settings } = context;
    const host = await context.hostIdentity();
    const description = await withCluster(context, (client) => client.describe());
    if (settings.json) await output.json(topologyJson(description, host));
    else await output.line(showTopology(description, host));
    return exitCodes.done;
  },
};

function showTopology(description: ClusterDescription, host: string): string {
  const { topology: map, waitsFor } = description;
  const lines = [`cluster ${map.cluster}, revision ${map.revision}`];
  for (const info of map.infos) lines.push(`info ${info.node} at ${showEndpoints(info)}`);
  for (const cause of waitsFor) lines.push(`not complete: ${cause}`);
  lines.push(...stuckShards(map), ...thinShards(map));
  const table = formatTable(
    [
      { title: 'SHARD', cell: ({ shard }) => shard.shard },
      { title: 'SLOTS', align: 'right', cell: ({ shard }) => String(slotsOf(description, shard.shard)) },
      { title: 'EPOCH', align: 'right', cell: ({ shard }) => String(shard.epoch) },
      { title: 'NODE', cell: ({ member }) => member.node },
      { title: 'ROLE', cell: ({ member }) => member.role },
      { title: 'VOTES', cell: (row) => (isVoting(row) ? 'yes' : 'no') },
      { title: 'STATE', cell: ({ member, report }) => showState(member, report) },
      { title: 'POSITION', align: 'right', cell: ({ report }) => String(report?.applied.position ?? '?') },
      { title: 'LAG', align: 'right', cell: showLag },
      {
        title: 'PID',
        align: 'right',
        cell: ({ member }) => (member.pid > 0 && member.host === host ? String(member.pid) : ''),
      },
      { title: 'ADDRESS', cell: ({ member }) => showEndpoints(member) },
    ],
    memberRows(description),
  );
  return [...lines, '', table].join('\n');
}
