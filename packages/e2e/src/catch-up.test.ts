import type { Client } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { pause } from './pause.ts';
import { scaled } from './scale.ts';
import { sharedHash } from './shared-hash.ts';

async function load(client: Client, from: number, to: number): Promise<void> {
  const value = 'v'.repeat(100);
  for (let index = from; index < to; index += 1000) {
    const entries = Array.from({ length: Math.min(1000, to - index) }, (_, offset) => ({
      key: `key-${index + offset}`,
      value,
    }));
    await client.mput(entries, { ack: 'memory' });
  }
}

test('a read shard started while a large shard is being written catches up and serves', async () => {
  const count = scaled(1_000_000);
  // A record takes some 20 µs where nothing else goes on, and many times that beside the other long runs.
  const readyMs = 60_000 + count * 0.2;
  const running = await TestCluster.start({ shards: 1, replicas: 0 });
  try {
    const client = await running.client();
    await load(client, 0, count);
    let stopped = false;
    let written = 0;
    const writing = (async () => {
      for (; !stopped; written += 1) {
        await client.put(`during-${written % 500}`, String(written), { ack: 'memory' });
        await pause(2);
      }
    })();
    try {
      const replica = await running.cluster.addReadShard('s1');
      await replica.waitFor('ready', readyMs);
      await waitFor(async () => (await client.get('key-7'))?.servedBy.node === replica.name, 'the replica serves');
    } finally {
      stopped = true;
      await writing;
    }
    expect(written).toBeGreaterThan(0);
    const replies = await running.settled(client);
    expect(replies).toHaveLength(2);
    expect(sharedHash(replies)).toBeInstanceOf(Map);
    for (const { stats } of replies) expect(stats?.recordCount).toBe(count + Math.min(500, written));
  } finally {
    await running.close();
  }
});

test('a replica that was away longer than the log reaches back takes a snapshot and ends equal', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 1,
    settings: { writeShard: ['--segment', '256KiB', '--retention', '512KiB', '--retention-max', '1MiB'] },
  });
  try {
    const client = await running.client();
    await load(client, 0, 2000);
    await running.settled(client);
    const replica = running.cluster.process('read-shard-1-1');
    const before = (await client.stats()).find(({ node }) => node === replica.name)?.stats?.lastEntry.position ?? 0;
    expect(before).toBeGreaterThan(0);
    replica.kill('SIGKILL');
    await replica.exited;
    await client.delete('key-3');
    await load(client, 2000, 40_000);
    await waitFor(
      async () =>
        ((await client.stats()).find(({ stats }) => stats?.role === 'primary')?.stats?.logFirstPosition ?? 0) >
        before + 1,
      'the primary has removed what the replica lacks',
    );
    await replica.start();
    await replica.waitFor('ready', 60_000);
    const replies = await running.settled(client);
    expect(replies.find(({ node }) => node === replica.name)?.stats?.snapshotCount).toBeGreaterThan(0);
    expect(sharedHash(replies)).toBeInstanceOf(Map);
    for (const { stats } of replies) expect(stats?.recordCount).toBe(39_999);
  } finally {
    await running.close();
  }
});

test('a stopped replica leaves the memory of its primary bounded, and catches up when it goes on', async () => {
  const running = await TestCluster.start({ shards: 1, replicas: 1 });
  try {
    const client = await running.client();
    await load(client, 0, 1000);
    const replica = running.cluster.process('read-shard-1-1');
    replica.kill('SIGSTOP');
    try {
      const value = 'v'.repeat(64 * 1024);
      for (let round = 0; round < 40; round += 1) {
        const entries = Array.from({ length: 100 }, (_, index) => ({ key: `large-${index}`, value }));
        await client.mput(entries, { ack: 'memory' });
      }
      const primary = (await client.stats()).find(({ stats }) => stats?.role === 'primary')?.stats;
      // 256 MB went through; what the stopped replica lacks stands in the log file.
      expect(primary?.residentBytes).toBeLessThan(600 * 1024 * 1024);
    } finally {
      replica.kill('SIGCONT');
    }
    const replies = await running.settled(client);
    expect(sharedHash(replies)).toBeInstanceOf(Map);
  } finally {
    await running.close();
  }
});
