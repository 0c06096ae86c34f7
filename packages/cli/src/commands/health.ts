import { EdisError } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { exitCodes } from '../exit-code.ts';

export const health: CommandDefinition = {
  name: 'health',
  arguments: [{ name: 'ADDRESS', optional: true }],
  options: {},
  examples: [
    ['health', 'info serves: exit code 0, else 3'],
    ['health localhost:7410', 'the same of a shard; the probe of containers'],
  ],
  async run({ positionals: [given] }, context) {
    const { settings, output } = context;
    const address = given ?? settings.info[0] ?? '';
    (await import('@edis/process')).parseAddress(address);
    const serving = await context.probe(address, settings.timeoutMs).catch((caught: unknown) => {
      const error = EdisError.from(caught);
      throw new EdisError(error.code, `${address} is not healthy: ${error.message}`, { cause: error });
    });
    if (settings.json) await output.json({ address, serving });
    else if (serving) await output.line(`${address} serves`);
    else output.note(`edis: ${address} answers, but does not serve`);
    return serving ? exitCodes.done : exitCodes.unreachable;
  },
};
