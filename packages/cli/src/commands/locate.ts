import type { Key, Location } from '@edis/client';
import { slotCount } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { printableLine } from '../printable.ts';
import { showBytesLine } from '../record-view.ts';
import { formatTable } from '../table.ts';

export const locate: CommandDefinition = {
  name: 'locate',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: {},
  examples: [
    ['locate user:1', 'its slot, its shard, and who would serve a read'],
    ['locate "order:{7}:items"', 'keys with the same part in braces are together'],
  ],
  async run({ positionals: [key = ''] }, context) {
    const { output, settings } = context;
    const location = await withClient(context, async (client) => client.locate(key));
    if (settings.json) {
      await output.json({
        ...location,
        key: toJsonBytes(location.key),
        hashTag: hashTag(location.key) ?? null,
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
  const primary = members.find(({ role }) => role === 'primary');
  const name = primary?.node ?? 'nobody';
  const standing = primary?.alive === false ? ', which is down; `edis topology` says what is waited for' : '';
  const table = formatTable(
    [
      { title: 'NODE', cell: ({ node }) => node },
      { title: 'ROLE', cell: ({ role }) => role },
      { title: 'VOTES', cell: ({ voting }) => (voting ? 'yes' : 'no') },
      { title: 'STATE', cell: ({ alive }) => (alive ? 'alive' : 'down') },
      { title: 'ADDRESS', cell: ({ address }) => address },
    ],
    members,
  );
  return [
    `key       ${showBytesLine(location.key)}`,
    `keyspace  ${keyspace} (${strategy})`,
    `slot      ${slot}: ${slotReason(location)}`,
    `shard     ${shard}, epoch ${epoch}`,
    `reads     ${readReason(location)}`,
    `strong    ${name}: the primary alone knows that nothing is newer`,
    `writes    ${name}: the primary${standing}`,
    `failover  ${failoverReason(location)}`,
    '',
    table,
  ].join('\n');
}

/** Who may lead next. */
function failoverReason({ members, shard }: Location): string {
  const next = members.filter(({ role, alive, voting }) => role !== 'primary' && alive && voting);
  if (next.length === 0) return `nobody: ${shard} has no other living member that votes`;
  const names = next.map(({ node }) => node).join(', ');
  return next.length === 1 ? `${names}: the other member that votes` : `${names}: the one with the best log`;
}

function slotReason({ key }: Location): string {
  const tag = hashTag(key);
  const part = tag === undefined ? 'the whole key' : `'${printableLine(tag)}', the part in braces`;
  return `CRC-16 of ${part}, modulo ${slotCount}`;
}

/** The part of a key that is hashed alone, by Redis Cluster's rule; undefined: the whole key is hashed. */
function hashTag(key: Key): string | undefined {
  // Braces are ASCII, so that they can be looked for in text and bytes alike.
  const text = typeof key === 'string' ? key : Buffer.from(key).toString();
  const open = text.indexOf('{');
  const close = open < 0 ? -1 : text.indexOf('}', open + 1);
  return close > open + 1 ? text.slice(open + 1, close) : undefined;
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
