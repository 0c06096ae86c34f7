import type { Client } from '@edis/client';
import { sortByShard } from '@edis/core';
import type { CommandContext } from './command.ts';

/** Two looks that agree: a node that starts again at once is not worth a word. */
const lookMs = 2_000;

/**
 * Says on stderr of which shards no change can come, because no member of theirs is alive by the map, and when that is
 * over. Returns what ends it.
 */
export function noteSilentShards(client: Client, { output, settings }: CommandContext): () => void {
  let seen = '';
  let said = '';
  const look = (): void => {
    const shards = sortByShard(client.topology().shards).filter(({ members }) => !members.some(({ alive }) => alive));
    const silentShards = shards.map(({ shard }) => shard);
    const names = silentShards.join(', ');
    const isNews = names === seen && names !== said;
    seen = names;
    if (!isNews) return;
    said = names;
    if (settings.json) output.note(JSON.stringify({ silentShards }));
    else if (names === '') output.note('edis: changes of every shard come again');
    else output.note(`edis: no changes of ${names} come: no node of it is alive; they follow when one is back`);
  };
  const timer = setInterval(look, lookMs);
  return () => clearInterval(timer);
}
