import { EdisError } from '@edis/core';
import { afterEach, expect, test, vi } from 'vitest';
import { clearRecords } from './clear-records.ts';
import { createTestCluster } from './index.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

test('records are not waited for without end when the newest map does not come to the client', async () => {
  const cluster = await createTestCluster({ shards: 1, replicas: 0 });
  closers.push(() => cluster.close());
  const client = await cluster.client();
  const { topology, ...rest } = await client.describe();
  const revision = topology.revision + 1;
  vi.spyOn(client, 'describe').mockResolvedValue({ ...rest, topology: { ...topology, revision } });
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  const clearing = clearRecords(client).catch((caught: unknown) => EdisError.from(caught));
  await vi.advanceTimersByTimeAsync(10_100);
  expect(await clearing).toMatchObject({
    code: 'deadline',
    message: `after 10000 ms, map ${revision} had not come to the client, whose map is ${topology.revision}`,
  });
});
