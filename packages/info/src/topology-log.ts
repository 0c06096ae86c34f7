import type { Shard, Topology } from '@edis/core';

export interface LogLine {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly text: string;
}

/** What a step of the topology means to an operator who reads the log. */
export function describeChange(previous: Topology, next: Topology): readonly LogLine[] {
  const { revision } = next;
  const lines: LogLine[] = [];
  if (next.formed && !previous.formed) {
    lines.push({ facts: { event: 'formed', revision, shards: next.shards.length }, text: 'the cluster is formed' });
  }
  lines.push(...describeKeyspaces(previous, next));
  const before = new Map(previous.shards.map((shard) => [shard.shard, shard]));
  for (const shard of next.shards) {
    const former = before.get(shard.shard);
    if (former === shard) continue;
    if (former !== undefined && former.epoch !== shard.epoch) {
      const facts = { event: 'epoch', revision, shard: shard.shard, epoch: shard.epoch, primary: nameOf(shard) };
      lines.push({ facts, text: describeEpoch(former, shard) });
    }
    for (const member of shard.members) {
      const was = former?.members.find((candidate) => candidate.store === member.store);
      const facts = { revision, shard: shard.shard, node: member.node, role: member.role };
      if (was === undefined) {
        lines.push({ facts: { event: 'joined', ...facts }, text: 'a node joined' });
      } else if (was.alive !== member.alive) {
        const event = member.alive ? 'alive' : 'dead';
        lines.push({ facts: { event, ...facts }, text: `a node is ${event}` });
      } else if (was.role !== member.role) {
        lines.push({ facts: { event: 'role', ...facts }, text: `a node is a ${member.role} now` });
      }
    }
  }
  return lines;
}

/** A primary that is promoted again, after its restart, keeps its members. */
function describeEpoch(former: Shard, shard: Shard): string {
  if (former.primary !== shard.primary) return `another primary was promoted: ${nameOf(shard)}`;
  const isSame = former.voters.length === shard.voters.length && shard.voters.every((it) => former.voters.includes(it));
  return isSame ? 'the primary was promoted into a new epoch' : 'the members of the shard that count changed';
}

function nameOf({ primary, members }: Shard): string {
  return members.find((member) => member.store === primary)?.node ?? primary;
}

function describeKeyspaces(previous: Topology, next: Topology): readonly LogLine[] {
  const { revision } = next;
  const before = new Set(previous.keyspaces.map((keyspace) => keyspace.id));
  const after = new Set(next.keyspaces.map((keyspace) => keyspace.id));
  const created = next.keyspaces.filter((keyspace) => !before.has(keyspace.id));
  const dropped = previous.keyspaces.filter((keyspace) => !after.has(keyspace.id));
  return [
    ...created.map(({ name, id }) => ({
      facts: { event: 'keyspace-created', revision, keyspace: name, id },
      text: 'a keyspace was created',
    })),
    ...dropped.map(({ name, id }) => ({
      facts: { event: 'keyspace-dropped', revision, keyspace: name, id },
      text: 'a keyspace was dropped',
    })),
  ];
}
