import type { Client } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { sharedHash } from './shared-hash.ts';

async function withCluster(
  shape: { readonly shards: number; readonly replicas: number },
  run: (cluster: TestCluster, client: Client) => Promise<void>,
): Promise<void> {
  const cluster = await TestCluster.start(shape);
  try {
    await run(cluster, await cluster.client());
  } finally {
    await cluster.close();
  }
}

/** Records that each member's view holds; undefined when one does not answer. */
async function recordCounts(client: Client): Promise<Map<string, number | undefined>> {
  const replies = await client.stats();
  return new Map(replies.map(({ node, stats }) => [node, stats?.recordCount]));
}

async function restart(cluster: TestCluster, names: readonly string[]): Promise<void> {
  const processes = names.map((name) => cluster.cluster.process(name));
  for (const process of processes) process.kill('SIGKILL');
  await Promise.all(processes.map((process) => process.exited));
  for (const process of processes) await process.start();
  await cluster.cluster.waitReady(60_000);
}

test('a deadline survives kill -9 of every process, and its record is removed everywhere when it comes', async () => {
  await withCluster({ shards: 2, replicas: 1 }, async (cluster, client) => {
    const keys = Array.from({ length: 200 }, (_, index) => `short-${index}`);
    const ttlMs = 12_000;
    await Promise.all(keys.map((key) => client.put(key, 'x', { ttlMs })));
    const writtenAtMs = Date.now();
    await client.put('stays', 'x', { ttlMs });
    expect(await client.persist('stays')).toMatchObject({ expiresAtMs: undefined });
    await client.put('long', 'x');
    await client.expire('long', 3_600_000);
    await restart(cluster, ['write-shard-1', 'write-shard-2', 'read-shard-1-1', 'read-shard-2-1']);
    const left = await client.ttl('short-0', { consistency: 'strong' });
    const longLeft = await client.ttl('long', { consistency: 'strong' });
    expect(longLeft).toBeGreaterThan(3_400_000);
    expect(longLeft).toBeLessThanOrEqual(3_600_000);
    // A restart that took longer than the deadline has shown that it survived, too.
    expect(typeof left === 'number' ? left : 0).toBeLessThanOrEqual(ttlMs);
    await waitFor(
      async () => (await client.mget(keys, { consistency: 'strong' })).every((record) => record === undefined),
      'all records are hidden at their deadline',
    );
    expect(Date.now() - writtenAtMs).toBeGreaterThanOrEqual(ttlMs - 1000);
    await waitFor(
      async () => {
        const counts = await recordCounts(client);
        const total = [...counts.values()].reduce<number>((sum, count) => sum + (count ?? 1000), 0);
        return total === 4;
      },
      'the primaries have removed the records, and the replicas after them',
      30_000,
    );
    expect(await client.ttl('stays')).toBe('never');
    expect(sharedHash(await cluster.settled(client))).toBeInstanceOf(Map);
    const expired = (await client.stats()).reduce((sum, { stats }) => sum + (stats?.expiredCount ?? 0), 0);
    expect(expired).toBe(keys.length);
  });
});

test('a replica hides a record at its deadline while the primary is gone, and removes it with it', async () => {
  await withCluster({ shards: 1, replicas: 1 }, async (cluster, client) => {
    const { token } = await client.put('a', 'x', { ttlMs: 6000 });
    const seen = await client.get('a', { consistency: 'session', after: token });
    expect(Buffer.from(seen?.value ?? []).toString()).toBe('x');
    await cluster.settled(client);
    const primary = cluster.cluster.process('write-shard-1');
    primary.kill('SIGKILL');
    await primary.exited;
    await waitFor(
      async () => (await client.get('a', { consistency: 'eventual' })) === undefined,
      'the replica hides the record',
    );
    const hidden = await client.stats();
    expect(hidden.filter(({ stats }) => stats !== undefined).map(({ stats }) => stats?.recordCount)).toEqual([1]);
    await primary.start();
    await cluster.cluster.waitReady(60_000);
    await waitFor(
      async () => [...(await recordCounts(client)).values()].every((count) => count === 0),
      'the record is removed through the log',
    );
    expect(sharedHash(await cluster.settled(client))).toBeInstanceOf(Map);
  });
});
