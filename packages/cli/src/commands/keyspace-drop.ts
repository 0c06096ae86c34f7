import { createInterface } from 'node:readline';
import { EdisError } from '@edis/core';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { showCount } from '../figure.ts';
import { findKeyspace } from '../keyspace-view.ts';

export const keyspaceDrop: CommandDefinition = {
  name: 'keyspace drop',
  arguments: [{ name: 'NAME', completes: 'keyspace' }],
  options: { yes: { kind: 'flag', description: 'do not ask; needed where nobody can be asked' } },
  examples: [
    ['keyspace drop users', 'removes it with all its records; asks for its name first'],
    ['keyspace drop users --yes', 'without asking, for scripts'],
  ],
  async run({ positionals: [name = ''], options }, context) {
    const { output, settings } = context;
    const sure = options.flag('yes');
    if (!sure && !canAsk(context)) {
      throw new EdisError('usage', `keyspace drop removes all records of ${name}; without a terminal it needs --yes`);
    }
    return withCluster(context, async (client) => {
      const { records } = await findKeyspace(await client.keyspaces(), name);
      if (!sure && !(await confirms(name, records, context))) {
        output.note(`edis: that was not ${name}; nothing was dropped`);
        return exitCodes.negative;
      }
      const dropped = await client.dropKeyspace(name);
      if (settings.json) await output.json({ name, dropped });
      else if (dropped) await output.line(`keyspace ${name} is dropped`);
      else output.note(`edis: somebody else dropped ${name}`);
      return dropped ? exitCodes.done : exitCodes.negative;
    });
  },
};

function canAsk({ stdin, output, settings }: CommandContext): boolean {
  return output.isTerminal && !settings.json && 'isTTY' in stdin && stdin.isTTY === true;
}

async function confirms(name: string, records: number | undefined, context: CommandContext): Promise<boolean> {
  const what = records === undefined ? 'all its records' : `its ${showCount(records)} records`;
  context.output.note(`This removes keyspace ${name} with ${what}, for good. Type its name to go on:`);
  // The first line is the answer; without one (Ctrl-D) it is no.
  const lines = createInterface({ input: context.stdin });
  const answer = await lines[Symbol.asyncIterator]().next();
  lines.close();
  return answer.done !== true && answer.value.trim() === name;
}
