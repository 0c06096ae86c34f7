import { TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { pause } from './pause.ts';

test('read shards join, leave and die while clients read, and no read fails', async () => {
  const running = await TestCluster.start({ shards: 2, replicas: 1 });
  try {
    const { cluster } = running;
    const client = await running.client({ timeoutMs: 10_000 });
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    await client.mput(keys.map((key) => ({ key, value: key })));
    let stopped = false;
    let reads = 0;
    const servedBy = new Set<string>();
    const failures: unknown[] = [];
    const read = async (caller: number): Promise<void> => {
      for (let count = caller; !stopped; count += 1) {
        const key = keys[count % keys.length] ?? '';
        try {
          const result = await client.get(key);
          if (result === undefined || Buffer.from(result.value).toString() !== key) failures.push(`${key} is missing`);
          else servedBy.add(result.servedBy.node);
        } catch (caught) {
          failures.push(caught);
        }
        reads += 1;
        await pause(5);
      }
    };
    const readers = Promise.all(Array.from({ length: 8 }, (_, caller) => read(caller)));

    const joined = await cluster.addReadShard('s1');
    await joined.waitFor('ready', 30_000);
    await waitFor(() => servedBy.has(joined.name), 'the new replica serves reads');

    joined.kill('SIGTERM');
    await joined.exited;
    const killed = cluster.process('read-shard-2-1');
    killed.kill('SIGKILL');
    await killed.exited;
    const before = reads;
    await waitFor(() => reads > before + 500, 'reads go on without the killed replica');

    await killed.start();
    await killed.waitFor('ready', 30_000);
    servedBy.clear();
    await waitFor(() => servedBy.has(killed.name), 'the replica that came back serves reads again');

    stopped = true;
    await readers;
    expect(failures).toEqual([]);
    expect(reads).toBeGreaterThan(500);
  } finally {
    await running.close();
  }
});
