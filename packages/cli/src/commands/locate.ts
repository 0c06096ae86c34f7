import type { Location } from '@edis/client';
import { slotCount } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { showKey } from '../record-view.ts';
import { formatTable } from '../table.ts';

export const locate: CommandDefinition = {
  name: 'locate',
  positionals: 'KEY',
  minPositionals: 1,
  maxPositionals: 1,
  options: {},
  examples: [['locate user:1', 'its slot, its shard, and who would serve a read']],
  async run({ positionals: [key = ''] }, context) {
    const { output, settings } = context;
    const location = await withClient(context, async (client) => client.locate(key));
    if (settings.json) {
      await output.json({
        ...location,
        key: toJsonBytes(location.key),
        slotReason: slotReason(location),
        readReason: readReason(location),
      });
    } else {
      await output.line(showLocation(location));
    }
    return exitCodes.done;
  },
};

function showLocation(location: Location): string {
  const { keyspace, strategy, slot, shard, epoch, members } = location;
  const table = formatTable(
    [
      { title: 'NODE', cell: ({ node }) => node },
      { title: 'ROLE', cell: ({ role }) => role },
      { title: 'STATE', cell: ({ alive }) => (alive ? 'alive' : 'down') },
      { title: 'ADDRESS', cell: ({ address }) => address },
    ],
    members,
  );
  return [
    `key       ${showKey(location.key)}`,
    `keyspace  ${keyspace} (${strategy})`,
    `slot      ${slot}: ${slotReason(location)}`,
    `shard     ${shard}, epoch ${epoch}`,
    `reads     ${readReason(location)}`,
    `writes    ${members.find(({ role }) => role === 'primary')?.node ?? 'nobody'}: the primary`,
    '',
    table,
  ].join('\n');
}

/** Which part of the key was hashed: Redis Cluster's rule of hash tags. */
function slotReason({ key }: Location): string {
  const text = showKey(key);
  const open = text.indexOf('{');
  const close = open < 0 ? -1 : text.indexOf('}', open + 1);
  const tagged = close > open + 1;
  const part = tagged ? `'${text.slice(open + 1, close)}', the part in braces` : 'the whole key';
  return `CRC-16 of ${part}, modulo ${slotCount}`;
}

function readReason({ readers, members, shard }: Location): string {
  const [only] = readers;
  if (only === undefined) return `nobody: ${shard} has no node that could`;
  const primary = members.find(({ role }) => role === 'primary')?.node;
  if (readers.length > 1) return `${readers.join(', ')}: the replicas of ${shard}, in turn`;
  if (only !== primary) return `${only}: the only usable replica of ${shard}`;
  const replicas = members.filter(({ role }) => role !== 'primary').length;
  return `${only}: the primary, because ${replicas === 0 ? `${shard} has no replica` : 'no replica is usable now'}`;
}
