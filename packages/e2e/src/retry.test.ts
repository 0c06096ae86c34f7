import { FaultProxy, TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';

test('writes whose replies are lost with the connection are repeated, and carried out once', async () => {
  const proxy = await FaultProxy.start();
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--advertise', 'direct=127.0.0.1:0', '--advertise', `proxied=${proxy.address}`] },
  });
  try {
    const direct = await running.client({ network: 'direct' });
    const endpoints = direct.topology().shards[0]?.members[0]?.endpoints ?? [];
    proxy.setTarget(endpoints.find(({ network }) => network === 'direct')?.address ?? '');
    const client = await running.client({ network: 'proxied', timeoutMs: 30_000 });

    let stopped = false;
    const refused: string[] = [];
    let written = 0;
    const write = async (caller: number): Promise<void> => {
      for (let count = 0; !stopped; count += 1) {
        const key = `once-${caller}-${count}`;
        // Carried out a second time, the put would find its own record and be refused.
        const { applied } = await client.put(key, 'x', { ifAbsent: true, ack: count % 2 === 0 ? 'disk' : 'memory' });
        if (!applied) refused.push(key);
        written += 1;
      }
    };
    const writers = Promise.all(Array.from({ length: 32 }, (_, caller) => write(caller)));
    const cutUnanswered = async (): Promise<void> => {
      const before = written;
      await waitFor(() => written > before + 200, 'writes go on after the cut');
      proxy.holdReplies(true);
      await waitFor(
        async () => ((await direct.stats())[0]?.stats?.writeCount ?? 0) >= written + 8,
        'writes are carried out whose replies are held',
      );
      proxy.cut();
      proxy.holdReplies(false);
    };
    for (let cuts = 0; cuts < 12; cuts += 1) await cutUnanswered();
    stopped = true;
    await writers;
    expect(refused).toEqual([]);
    const stats = (await running.settled(direct))[0]?.stats;
    expect(stats?.repeatedCount).toBeGreaterThan(0);
    expect(stats?.recordCount).toBe(written);
  } finally {
    await running.close();
    await proxy.close();
  }
});
