/**
 * Prints the changes of a keyspace as they come.
 *
 * Guarantees: each line of JSON has the token behind which the feed goes on, so whoever keeps the last line that was
 * dealt with misses nothing and sees nothing twice; however the command ends by itself, it says the token on stderr.
 */
import type { Client, WatchEvent } from '@edis/client';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { withAdvice } from '../error-advice.ts';
import { exitCodes } from '../exit-code.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { showBytesLine } from '../record-view.ts';
import { noteSilentShards } from '../watch-silence.ts';

export const watch: CommandDefinition = {
  name: 'watch',
  arguments: [],
  options: {
    prefix: { kind: 'text', placeholder: 'P', description: 'only keys that begin so' },
    from: {
      kind: 'text',
      placeholder: 'start|now|TOKEN',
      description: 'with the records that there are, with what comes, or behind a token (default now)',
    },
    limit: { kind: 'text', placeholder: 'N', description: 'end after that many lines' },
  },
  examples: [
    ['watch --prefix user:', 'what changes from now on; Ctrl-C ends it'],
    ['watch --from start --json', 'the records that there are, then their changes, with tokens'],
    ['watch --from TOKEN', 'goes on where another call ended'],
  ],
  async run({ options }, context) {
    const limit = options.integer('limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY;
    const prefix = options.text('prefix');
    const from = options.text('from');
    const given = from === 'start' || from === 'now' ? undefined : from;
    const ending = new AbortController();
    const stopListening = context.onSignal(() => ending.abort());
    try {
      const { signal } = ending;
      const query = { ...(prefix === undefined ? {} : { prefix }), ...(from === undefined ? {} : { from }), signal };
      const token = await withClient(context, (client) => printChanges(client, query, limit, context), signal);
      noteToken(token ?? given, context);
      return exitCodes.done;
    } catch (error) {
      if (!ending.signal.aborted) throw error;
      // Interrupted before there was a feed: nothing was missed.
      noteToken(given, context);
      return exitCodes.done;
    } finally {
      stopListening();
    }
  },
};

type WatchQuery = NonNullable<Parameters<Client['watch']>[0]> & { readonly signal: AbortSignal };

/** Returns the token behind the last line. */
async function printChanges(
  client: Client,
  query: WatchQuery,
  limit: number,
  context: CommandContext,
): Promise<string | undefined> {
  const { output, settings } = context;
  const lines = output.lines();
  const stopNoting = noteSilentShards(client, context);
  let token: string | undefined;
  let printed = 0;
  try {
    for await (const event of client.watch(query)) {
      const full = lines.add(settings.json ? JSON.stringify(eventJson(event)) : eventLine(event));
      if (full !== undefined) await full;
      token = event.token;
      printed += 1;
      if (output.closed || printed >= limit) break;
    }
  } catch (caught) {
    // Ctrl-C is how a feed ends; that it was asked for is no error, wherever it met the feed.
    if (!query.signal.aborted) throw token === undefined ? caught : withAdvice(caught, `go on with --from ${token}`);
  } finally {
    stopNoting();
    await lines.end();
  }
  return token;
}

function noteToken(token: string | undefined, { output, settings }: CommandContext): void {
  if (settings.json) output.note(JSON.stringify({ token: token ?? null }));
  else if (token === undefined) output.note('edis: ended before anything changed');
  else output.note(`edis: ended; go on with --from ${token}`);
}

function eventJson(event: WatchEvent) {
  const { shard, token } = event;
  switch (event.kind) {
    case 'put':
    case 'snapshot': {
      const { kind, key, value, metadata, version, expiresAtMs = null } = event;
      return { kind, key: toJsonBytes(key), value: toJsonBytes(value), metadata, version, expiresAtMs, shard, token };
    }
    case 'delete':
    case 'expire': {
      const { kind, key, version } = event;
      return { kind, key: toJsonBytes(key), version, shard, token };
    }
    case 'snapshot-begin':
      return { kind: event.kind, cause: event.cause, shard, token };
    case 'snapshot-end':
      return { kind: event.kind, shard, token };
  }
}

/** Kind, key and value; or kind, shard and cause. */
function eventLine(event: WatchEvent): string {
  switch (event.kind) {
    case 'put':
    case 'snapshot':
      return `${event.kind}\t${showBytesLine(event.key)}\t${showBytesLine(event.value)}`;
    case 'delete':
    case 'expire':
      return `${event.kind}\t${showBytesLine(event.key)}`;
    case 'snapshot-begin':
      return `${event.kind}\t${event.shard}\t${event.cause}`;
    case 'snapshot-end':
      return `${event.kind}\t${event.shard}`;
  }
}
