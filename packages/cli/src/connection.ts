import type { Client, ConnectOptions, GetOptions } from '@edis/client';
import { EdisError } from '@edis/core';
import { durationMs, maxTimeoutMs } from './amount.ts';
import type { CommandContext } from './command.ts';
import { withAdvice } from './error-advice.ts';
import { outageAdvice } from './group-advice.ts';
import type { OptionValues } from './option.ts';

type Work<Result> = (client: Client) => Promise<Result>;

/** Runs one command's calls on a client of its own, in the keyspace that was named. */
export function withClient<Result>(context: CommandContext, work: Work<Result>, signal?: AbortSignal): Promise<Result> {
  return withClientOf(context, { keyspace: context.settings.keyspace, signal }, async (client) => {
    try {
      return await work(client);
    } catch (caught) {
      const error = EdisError.from(caught);
      if (error.code !== 'unreachable' && error.code !== 'deadline') throw caught;
      throw withAdvice(error, outageAdvice(client.topology()));
    }
  });
}

/** The same for commands about the whole cluster, which no keyspace concerns. */
export function withCluster<Result>(context: CommandContext, work: Work<Result>): Promise<Result> {
  return withClientOf(context, { keyspace: undefined }, work);
}

async function withClientOf<Result>(
  context: CommandContext,
  options: Pick<ConnectOptions, 'keyspace' | 'signal'>,
  work: Work<Result>,
): Promise<Result> {
  const { info, network, timeoutMs } = context.settings;
  const client = await connectOrAdvise(context, () => context.connect({ info, network, timeoutMs, ...options }));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function connectOrAdvise(context: CommandContext, connect: () => Promise<Client>): Promise<Client> {
  try {
    return await connect();
  } catch (caught) {
    const error = EdisError.from(caught);
    if (error.code !== 'unreachable' && error.code !== 'deadline') throw error;
    // Who named an address is told by the client's own message what to check.
    if (context.settings.infoGiven) throw error;
    const advice = 'start a cluster with `edis up`, or say where its info is with --info HOST:PORT';
    throw withAdvice(error, advice);
  }
}

/** `--consistency`, `--max-staleness` and `--after`, checked against each other. */
export async function readOptionsOf(options: OptionValues): Promise<GetOptions> {
  const staleness = options.text('max-staleness');
  const after = options.text('after');
  const consistency = options.choice('consistency', ['eventual', 'session', 'bounded', 'strong']);
  if (consistency === 'bounded' && staleness === undefined) {
    throw new EdisError('usage', '--consistency bounded needs --max-staleness, for example --max-staleness 500ms');
  }
  if (staleness !== undefined && consistency !== undefined && consistency !== 'bounded') {
    throw new EdisError('usage', `--max-staleness belongs to --consistency bounded, not to ${consistency}`);
  }
  if (after !== undefined && consistency !== undefined && consistency !== 'session') {
    throw new EdisError('usage', `--after belongs to --consistency session, not to ${consistency}`);
  }
  if (after !== undefined && staleness !== undefined) {
    throw new EdisError('usage', '--after and --max-staleness cannot be combined; choose one');
  }
  return {
    ...(consistency === undefined ? {} : { consistency }),
    ...(staleness === undefined
      ? {}
      : { maxStalenessMs: await durationMs('--max-staleness', staleness, maxTimeoutMs) }),
    ...(after === undefined ? {} : { after }),
  };
}
