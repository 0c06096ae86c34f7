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
        strongReason: strongReason(location),
        writeReason: writeReason(location),
        successors: successorsOf(location),
        failoverReason: failoverReason(location),
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
    `strong    ${strongReason(location)}`,
    `writes    ${writeReason(location)}`,
    `failover  ${failoverReason(location)}`,
    '',
    table,
  ].join('\n');
}

function primaryOf({ members }: Location): Location['members'][number] | undefined {
  return members.find(({ role }) => role === 'primary');
}

/** Of a primary that is down, what to look at. */
function standingOf(location: Location): string {
  return primaryOf(location)?.alive === false ? ', which is down; `edis topology` says what is waited for' : '';
}

function strongReason(location: Location): string {
  const name = primaryOf(location)?.node ?? 'nobody';
  return `${name}: the primary alone knows that nothing is newer${standingOf(location)}`;
}

function writeReason(location: Location): string {
  return `${primaryOf(location)?.node ?? 'nobody'}: the primary${standingOf(location)}`;
}

/** Who may lead next. */
function successorsOf({ members }: Location): string[] {
  return members.filter(({ role, alive, voting }) => role !== 'primary' && alive && voting).map(({ node }) => node);
}

function failoverReason(location: Location): string {
  const next = successorsOf(location);
  if (next.length === 0) return `nobody: ${location.shard} has no other living member that votes`;
  const names = next.join(', ');
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

function readReason(location: Location): string {
  const { readers, members, shard } = location;
  const [only] = readers;
  if (only === undefined) return `nobody: ${shard} has no node that could`;
  const primary = primaryOf(location);
  if (readers.length > 1) return `${readers.join(', ')}: the replicas of ${shard}, in turn`;
  if (only !== primary?.node) return `${only}: the only usable replica of ${shard}`;
  if (!primary.alive) return `nobody now: the primary ${only} is down, and no replica is usable`;
  const replicas = members.filter(({ role }) => role !== 'primary').length;
  return `${only}: the primary, because ${replicas === 0 ? `${shard} has no replica` : 'no replica is usable now'}`;
}
