import { EdisError, limits } from '@edis/core';
import { durationMs } from '../amount.ts';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption } from '../option.ts';
import { printableLine } from '../printable.ts';
import { expireJson } from '../record-view.ts';
import { printNotFound } from '../result-print.ts';

export const expire: CommandDefinition = {
  name: 'expire',
  arguments: [{ name: 'KEY', completes: 'key' }, { name: 'TTL' }],
  options: { ack: ackOption },
  examples: [['expire session:9 30m', 'gone after half an hour; exit code 1 when there is no record']],
  async run({ positionals: [key = '', text = ''], options }, context) {
    const { output, settings } = context;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    if (text === 'never') throw new EdisError('usage', `TTL is never; that is: edis persist ${key}`);
    const ttlMs = await durationMs('TTL', text, limits.maxTtlMs);
    return withClient(context, async (client) => {
      const result = await client.expire(key, ttlMs, { ack });
      if (result === undefined) return printNotFound(key, { existed: false }, context);
      if (settings.json) await output.json(expireJson(result));
      else await output.line(`${printableLine(key)} expires ${showInstant(result.expiresAtMs)}`);
      return exitCodes.done;
    });
  },
};

function showInstant(expiresAtMs: number | undefined): string {
  return expiresAtMs === undefined ? 'never' : `at ${new Date(expiresAtMs).toISOString()}`;
}
