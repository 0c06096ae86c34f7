import type { ClusterDescription, Keyspace } from '@edis/core';
import { defaultKeyspaceName } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { stuckShards, thinShards } from '../group-advice.ts';
import { findKeyspace } from '../keyspace-view.ts';
import { formatTable } from '../table.ts';
import { isVoting, memberRows, showEndpoints, showLag, showState, slotsOf, topologyJson } from '../topology-view.ts';

export const topology: CommandDefinition = {
  name: 'topology',
  arguments: [],
  options: {},
  examples: [
    ['topology --keyspace users', 'who there is, and how many slots of that keyspace each shard owns'],
    ['topology --json', 'the same, with endpoints and process ids, for programs'],
  ],
  async run(_, context) {
    const { output, settings } = context;
    const host = await context.hostIdentity();
    const description = await withCluster(context, (client) => client.describe());
    const keyspace = await chosenKeyspace(description, settings.keyspace);
    if (settings.json) await output.json(topologyJson(description, keyspace, host));
    else await output.line(showTopology(description, keyspace, host));
    return exitCodes.done;
  },
};

/** Whose slots are counted. Before the cluster is formed there may be none, and nobody owns any. */
async function chosenKeyspace(
  { topology: { keyspaces } }: ClusterDescription,
  name: string = defaultKeyspaceName,
): Promise<Pick<Keyspace, 'slots'>> {
  return keyspaces.length === 0 ? { slots: [] } : findKeyspace(keyspaces, name);
}

function showTopology(description: ClusterDescription, keyspace: Pick<Keyspace, 'slots'>, host: string): string {
  const { topology: map, waitsFor } = description;
  const lines = [`cluster ${map.cluster}, revision ${map.revision}`];
  for (const info of map.infos) lines.push(`info ${info.node} at ${showEndpoints(info)}`);
  for (const cause of waitsFor) lines.push(`not complete: ${cause}`);
  lines.push(...stuckShards(map), ...thinShards(map));
  const table = formatTable(
    [
      { title: 'SHARD', cell: ({ shard }) => shard.shard },
      { title: 'SLOTS', align: 'right', cell: ({ shard }) => String(slotsOf(keyspace, shard.shard)) },
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
