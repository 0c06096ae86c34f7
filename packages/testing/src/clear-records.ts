import type { ByteKeyspace, Client, Key } from '@edis/client';
import { EdisError, type NodeStats, type Topology } from '@edis/core';

/** Deletes under way at a time: what a node takes in one turn, far below what it lets wait. */
const maxDeletes = 1024;

const pollMs = 1;
/** Info and followers are in this very process: more means that one hangs. */
const settleMs = 10_000;

/** Removes every record, and waits until no node shows or counts one. */
export async function clearRecords(client: Client): Promise<void> {
  const { keyspaces } = await newestMap(client);
  for (const { name } of keyspaces) await clearKeyspace(client.keyspace(name));
  await settled(client);
}

/** Another client may have made a keyspace a moment ago, which this one has not been told of yet. */
async function newestMap(client: Client): Promise<Topology> {
  const revision = await client.describe().then(
    ({ topology }) => topology.revision,
    (caught: unknown) => {
      // Without info there are no new keyspaces either.
      if (caught instanceof EdisError && caught.code === 'unreachable') return 0;
      throw caught;
    },
  );
  const endMs = performance.now() + settleMs;
  for (;;) {
    const topology = client.topology();
    if (topology.revision >= revision) return topology;
    if (performance.now() > endMs) {
      const missing = `map ${revision} had not come to the client, whose map is ${topology.revision}`;
      throw new EdisError('deadline', `after ${settleMs} ms, ${missing}`);
    }
    await pause();
  }
}

async function clearKeyspace(keyspace: ByteKeyspace): Promise<void> {
  let deletes: Promise<unknown>[] = [];
  for await (const key of keyspace.keys({ consistency: 'strong' })) {
    deletes.push(remove(keyspace, key));
    if (deletes.length < maxDeletes) continue;
    await Promise.all(deletes);
    deletes = [];
  }
  await Promise.all(deletes);
}

function remove(keyspace: ByteKeyspace, key: Key): Promise<unknown> {
  return keyspace.delete(key, { ack: 'memory' });
}

/**
 * Waits until every member has folded what its primary had. Another client's reads do not wait for what this one
 * deleted, so nothing may be left to wait for. Nodes that were killed are none.
 */
async function settled(client: Client): Promise<void> {
  const endMs = performance.now() + settleMs;
  const wanted = new Map<string, number>();
  for (;;) {
    const members = (await client.stats()).flatMap(({ stats }) => stats ?? []);
    for (const { role, shard, lastEntry } of members) {
      if (role === 'primary' && !wanted.has(shard)) wanted.set(shard, lastEntry.position);
    }
    const behind = members.filter((member) => isBehind(member, wanted.get(member.shard)));
    if (behind.length === 0) return;
    if (performance.now() > endMs) {
      const names = behind.map(({ node }) => node).join(', ');
      throw new EdisError('deadline', `after ${settleMs} ms, ${names} had not followed the deletes`);
    }
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, pollMs);
  });
}

function isBehind(member: NodeStats, wanted: number | undefined): boolean {
  return wanted !== undefined && Math.min(member.visiblePosition, member.viewPosition) < wanted;
}
