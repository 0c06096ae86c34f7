import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { keyspaceJson, showKeyspaces } from '../keyspace-view.ts';

export const keyspaceList: CommandDefinition = {
  name: 'keyspace list',
  arguments: [],
  options: {},
  examples: [['keyspace list', 'every keyspace, with what it holds']],
  async run(_, context) {
    const { output, settings } = context;
    const keyspaces = await withCluster(context, (client) => client.keyspaces());
    if (settings.json) await output.json({ keyspaces: keyspaces.map(keyspaceJson) });
    else await output.line(showKeyspaces(keyspaces, (await import('@edis/process')).formatDurationMs));
    return exitCodes.done;
  },
};
