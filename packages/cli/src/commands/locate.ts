import type { Location, LocationMember, ReadCause } from '@edis/client';
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
        hashTag: location.hashTag ?? null,
        writer: location.writer ?? null,
        slotReason: slotReason(location),
        readReason: readReason(location),
        strongReason: strongReason(location),
        writeReason: writeReason(location),
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
      { title: 'READS', cell: ({ readCause }) => readWords[readCause] },
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

function primaryOf({ members, writer }: Location): LocationMember | undefined {
  return members.find(({ node }) => node === writer);
}

/** Of a primary that is down, what to look at. */
function standingOf(location: Location): string {
  return primaryOf(location)?.alive === false ? ', which is down; `edis topology` says what is waited for' : '';
}

function strongReason(location: Location): string {
  return `${location.writer ?? 'nobody'}: the primary alone knows that nothing is newer${standingOf(location)}`;
}

function writeReason(location: Location): string {
  return `${location.writer ?? 'nobody'}: the primary${standingOf(location)}`;
}

function failoverReason({ shard, successors }: Location): string {
  if (successors.length === 0) return `nobody: ${shard} has no other living member that votes`;
  const names = successors.join(', ');
  return successors.length === 1 ? `${names}: the other member that votes` : `${names}: the one with the best log`;
}

function slotReason({ hashTag }: Location): string {
  const part = hashTag === undefined ? 'the whole key' : `'${printableLine(hashTag)}', the part in braces`;
  return `CRC-16 of ${part}, modulo ${slotCount}`;
}

const readWords: Record<ReadCause, string> = {
  replica: 'yes',
  'only-primary': 'yes',
  'still-answers': 'yes: it answers, though info holds it for dead',
  'replicas-first': 'no: replicas do',
  learner: 'no: not level yet',
  down: 'no: down',
  unreachable: 'no: not reachable from here',
};

function readReason(location: Location): string {
  const { readers, members, shard } = location;
  const [first] = members.filter(({ reads }) => reads);
  const primary = primaryOf(location);
  if (first === undefined) {
    if (primary === undefined) return `nobody: ${shard} has no node that could`;
    const state = primary.alive ? 'not reachable from here' : 'down';
    return `nobody now: the primary ${primary.node} is ${state}, and no replica is usable`;
  }
  const { node, readCause } = first;
  if (readers.length > 1) return `${readers.join(', ')}: the replicas of ${shard}, in turn`;
  if (readCause === 'still-answers') return `${node}: it answers, though info holds it for dead, and nobody else does`;
  if (readCause === 'replica') return `${node}: the only usable replica of ${shard}`;
  const replicas = members.filter(({ role }) => role !== 'primary').length;
  return `${node}: the primary, because ${replicas === 0 ? `${shard} has no replica` : 'no replica is usable now'}`;
}
