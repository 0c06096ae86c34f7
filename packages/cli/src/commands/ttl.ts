import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { readOptions } from '../option.ts';
import { ReadReplies } from '../read-replies.ts';
import { printNotFound } from '../result-print.ts';

export const ttl: CommandDefinition = {
  name: 'ttl',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: readOptions,
  examples: [['ttl session:9', 'how long it has left, or never; exit code 1 when there is no record']],
  async run({ positionals: [key = ''], options }, context) {
    const { output, settings } = context;
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const replies = new ReadReplies(settings.json);
      const left = await client.ttl(key, { ...readOptions, ...replies.option });
      if (left === undefined) {
        return printNotFound(key, { exists: false, ttlMs: null, ...replies.oneJson() }, context);
      }
      const ttlMs = left === 'never' ? null : left;
      if (settings.json) await output.json({ key, exists: true, ttlMs, ...replies.oneJson() });
      else await output.line(ttlMs === null ? 'never' : await showLeft(ttlMs));
      return exitCodes.done;
    });
  },
};

/** Whole seconds are enough for people from ten of them on; it reads back as a duration. */
async function showLeft(ttlMs: number): Promise<string> {
  const { formatDurationMs } = await import('@edis/process');
  return formatDurationMs(ttlMs < 10_000 ? ttlMs : Math.round(ttlMs / 1000) * 1000);
}
