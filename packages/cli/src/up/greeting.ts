import type { Client } from '@edis/client';
import type { Cluster } from '@edis/launcher';
import { showBytesLine } from '../record-view.ts';

const greetings: readonly (readonly [string, string])[] = [
  ['greeting', 'hello from Edis'],
  ['user:1', 'ada'],
  ['user:2', 'grace'],
  ['user:3', 'barbara'],
];

/** Writes and reads back a few keys, and says what to type next. */
export async function greet(
  client: Client,
  cluster: Cluster,
  info: string,
  say: (text: string) => void,
): Promise<void> {
  say('');
  say('A first write and read of a few keys, through the SDK:');
  for (const [key, value] of greetings) {
    const { shard, version } = await client.put(key, value, { metadata: { writtenBy: 'greeting' } });
    const record = await client.get(key);
    const answer = record === undefined ? 'nothing' : `"${showBytesLine(record.value)}"`;
    const server = record === undefined ? '' : `, read at ${record.servedBy.node} (${record.servedBy.role})`;
    say(`  ${key.padEnd(9)} ${answer.padEnd(18)} written to ${shard} as version ${version}${server}`);
  }
  const flag = info === 'localhost:7400' ? '' : ` --info ${info}`;
  const victim = cluster.processes.find(({ role }) => role === 'read-shard') ?? cluster.processes.at(-1);
  say('');
  say('What to type next, in another terminal:');
  say(`  npx edis put user:4 joan --meta team=core${flag}`);
  say(`  npx edis get user:4 --json${flag}`);
  say(`  npx edis locate user:4${flag}`);
  say(`  npx edis topology${flag}`);
  say(`  npx edis stats${flag}`);
  if (victim?.pid !== undefined) {
    say(`  kill -9 ${victim.pid}    # ends ${victim.name}; then get again: another node answers`);
  }
  say('');
}
