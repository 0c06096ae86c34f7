import { createInterface } from 'node:readline';
import type { Client, PromoteResult } from '@edis/client';
import { EdisError, type ErrorCode } from '@edis/core';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { withAdvice } from '../error-advice.ts';
import { exitCodes } from '../exit-code.ts';
import { promoteAdvice } from '../group-advice.ts';

/** What info refuses because of what is there. */
const refusals: readonly ErrorCode[] = ['invalid-argument', 'refused', 'unreachable'];

export const promote: CommandDefinition = {
  name: 'promote',
  arguments: [{ name: 'SHARD' }, { name: 'NODE', optional: true }],
  options: {
    unsafe: { kind: 'flag', description: 'also without the members that a safe promotion needs; may lose writes' },
    yes: { kind: 'flag', description: 'do not ask; --unsafe needs it where nobody can be asked' },
  },
  examples: [
    ['promote s1', 'hands the shard over to the best of its members; no write is lost or refused'],
    ['promote s1 read-shard-1-1', 'hands it over to that one'],
    ['promote --unsafe s1', 'takes what is left when lost members never come back; asks first'],
  ],
  async run({ positionals: [shard = '', node], options }, context) {
    const isUnsafe = options.flag('unsafe');
    const isSure = !isUnsafe || options.flag('yes');
    if (!isSure && !canAsk(context)) {
      throw new EdisError(
        'usage',
        `promote --unsafe gives up what only the lost members of ${shard} had; without a terminal it needs --yes`,
      );
    }
    return withCluster(context, async (client) => {
      if (!isSure && !(await confirms(client, shard, context))) {
        context.output.note(`edis: that was not ${shard}; nothing was done`);
        return exitCodes.negative;
      }
      const result = await promoted(client, shard, node, isUnsafe, context);
      const { output, settings } = context;
      if (settings.json) await output.json({ ...result, tookMs: Math.round(result.tookMs) });
      else await output.line(showPromotion(result));
      return exitCodes.done;
    });
  },
};

async function promoted(
  client: Client,
  shard: string,
  node: string | undefined,
  unsafe: boolean,
  { settings }: CommandContext,
): Promise<PromoteResult> {
  try {
    return await client.promote(shard, { node, unsafe, timeoutMs: settings.timeoutMs });
  } catch (caught) {
    const error = EdisError.from(caught);
    if (error.code === 'deadline') throw withAdvice(error, `\`edis topology\` says what ${shard} waits for`);
    // Unsafe, it needs any one that lives, and info says so.
    if (unsafe || !refusals.includes(error.code)) throw error;
    throw withAdvice(error, promoteAdvice(client.topology(), shard, node));
  }
}

function showPromotion({ shard, primary, formerPrimary, epoch, tookMs }: PromoteResult): string {
  const after = `epoch ${epoch}, after ${Math.round(tookMs)} ms`;
  if (primary === formerPrimary) return `${shard} is led by ${primary} (${after})`;
  return `${shard} is led by ${primary}, before by ${formerPrimary} (${after})`;
}

function canAsk({ stdin, output, settings }: CommandContext): boolean {
  return output.isTerminal && !settings.json && 'isTTY' in stdin && stdin.isTTY === true;
}

async function confirms(client: Client, shard: string, context: CommandContext): Promise<boolean> {
  const known = client.topology().shards.find((candidate) => candidate.shard === shard);
  const away = known?.members.filter(({ store, alive }) => !alive && known.voters.includes(store)) ?? [];
  const who = away.length === 0 ? 'members that are not there' : away.map(({ node }) => node).join(', ');
  context.output.note(
    `This gives up what only ${who} had, acknowledged writes included; should one come back, it writes what it had ` +
      `into a receipt. Type ${shard} to go on:`,
  );
  // The first line is the answer; without one (Ctrl-D) it is no.
  const lines = createInterface({ input: context.stdin });
  const answer = await lines[Symbol.asyncIterator]().next();
  lines.close();
  return answer.done !== true && answer.value.trim() === shard;
}
