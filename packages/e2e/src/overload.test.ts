import { EdisError } from '@edis/core';
import { TestCluster } from '@edis/testkit';
import { expect, test } from 'vitest';

test('a full queue answers busy by count and by bytes, and the client gets every write through', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--queue-operations', '64', '--queue-bytes', '64KiB'] },
  });
  try {
    const client = await running.client();
    const value = 'v'.repeat(4000);
    const puts = Array.from({ length: 2000 }, (_, index) => client.put(`key-${index}`, value, { timeoutMs: 30_000 }));
    await Promise.all(puts);
    const stats = (await client.stats())[0]?.stats;
    expect(stats?.busyCount).toBeGreaterThan(0);
    expect(stats?.writeCount).toBe(2000);
  } finally {
    await running.close();
  }
});

test('a write that finds no room within its deadline fails as busy, with nothing done', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--queue-operations', '1'] },
  });
  try {
    const client = await running.client();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3000 }, (_, index) => client.put(`key-${index}`, 'x', { timeoutMs: 50 })),
    );
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason);
    const done = outcomes.length - failures.length;
    for (const failure of failures) expect(failure).toBeInstanceOf(EdisError);
    const unknown = failures.filter((failure: EdisError) => failure.outcomeUnknown).length;
    const written = (await client.stats())[0]?.stats?.writeCount ?? 0;
    expect(written).toBeGreaterThanOrEqual(done);
    expect(written).toBeLessThanOrEqual(done + unknown);
  } finally {
    await running.close();
  }
});
