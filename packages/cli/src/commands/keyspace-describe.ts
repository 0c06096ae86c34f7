import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { findKeyspace, keyspaceJson, showKeyspace } from '../keyspace-view.ts';

export const keyspaceDescribe: CommandDefinition = {
  name: 'keyspace describe',
  arguments: [{ name: 'NAME', completes: 'keyspace' }],
  options: {},
  examples: [['keyspace describe users', 'its settings, and what it holds']],
  async run({ positionals: [name = ''] }, context) {
    const { output, settings } = context;
    const keyspace = await withCluster(context, async (client) => findKeyspace(await client.keyspaces(), name));
    if (settings.json) await output.json(keyspaceJson(keyspace));
    else await output.line(showKeyspace(keyspace, (await import('@edis/process')).formatDurationMs));
    return exitCodes.done;
  },
};
