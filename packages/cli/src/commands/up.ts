import type { CommandDefinition } from '../command.ts';
import { upOptions } from '../up/up-options.ts';
import { UpRun } from '../up/up-run.ts';

export const up: CommandDefinition = {
  name: 'up',
  arguments: [],
  options: upOptions,
  examples: [
    ['up', '3 write shards and 3 read shards; Ctrl-C drains and ends them'],
    ['up --shards 1 --replicas 0 --ephemeral', 'the smallest cluster, nothing is kept'],
    ['up --json', 'a JSON line when ready, for scripts'],
  ],
  run: (invocation, context) => new UpRun(invocation, context).run(),
};
