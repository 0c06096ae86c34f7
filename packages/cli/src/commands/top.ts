import { durationMs } from '../amount.ts';
import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';

const defaultIntervalMs = 1000;
const maxIntervalMs = 3_600_000;

export const top: CommandDefinition = {
  name: 'top',
  arguments: [],
  options: {
    interval: { kind: 'text', placeholder: '1s', description: 'time between two pictures (default 1s)' },
    count: {
      kind: 'text',
      placeholder: 'N',
      description: 'end after that many (default: on a terminal never, else 1)',
    },
  },
  examples: [
    ['top', 'load, latency, lag and hot keys of every node, each second; q ends'],
    ['top --json --interval 5s', 'a line every five seconds, until it is ended'],
    ['top --count 1 | cat', 'one picture as plain text'],
  ],
  async run({ options }, context) {
    const { output, settings, stdin, environment } = context;
    const interval = options.text('interval');
    const intervalMs =
      interval === undefined ? defaultIntervalMs : await durationMs('--interval', interval, maxIntervalMs);
    const count = options.integer('count', 1, Number.MAX_SAFE_INTEGER);
    const interactive =
      output.isTerminal && !settings.json && 'isTTY' in stdin && stdin.isTTY === true && environment['TERM'] !== 'dumb';
    const { printTop, watchTop } = await import('../top/top-run.ts');
    const ending = new AbortController();
    const stopListening = context.onSignal(() => ending.abort());
    const endless = Number.POSITIVE_INFINITY;
    try {
      return await withCluster(context, (client) => {
        if (!interactive) {
          return printTop(
            client,
            { intervalMs, count: count ?? (interval === undefined ? 1 : endless), ending },
            context,
          );
        }
        const colors = (environment['NO_COLOR'] ?? '') === '';
        const terminal = { target: process.stdout, keys: stdin, colors };
        return watchTop(client, { intervalMs, count: count ?? endless, ending }, terminal);
      });
    } finally {
      stopListening();
    }
  },
};
