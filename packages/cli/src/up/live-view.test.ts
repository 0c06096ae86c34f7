import { fileURLToPath } from 'node:url';
import { startCluster } from '@edis/launcher';
import { expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { showProcesses } from './live-view.ts';

const fake = fileURLToPath(new URL('../../../launcher/fixtures/fake-binary.mjs', import.meta.url));

test('the table has what the process says and what info knows of it', async () => {
  const binaries = { info: fake, 'write-shard': fake, 'read-shard': fake };
  const cluster = await startCluster({ shards: 1, replicas: 1, infoPort: 0, binaries });
  try {
    await cluster.waitReady(20_000);
    const shard = cluster.process('write-shard-1');
    const { pid, address } = shard;
    const lines = () => showProcesses(cluster.processes, undefined).split('\n');
    expect(lines()[2]).toMatch(new RegExp(`^write-shard-1 +write-shard +s1 +${pid} +${address} +ready$`));
    const known = showProcesses(cluster.processes, await new FakeClient().describe()).split('\n');
    expect(known[2]).toMatch(/^write-shard-1 +primary +s1 +\d+ +\S+ +serving +5 +6 +–$/);
    expect(known[3]).toMatch(/^read-shard-1-1 +learner +s1 +\d+ +\S+ +serving +5 +6 +2 \(30 ms\)$/);
    shard.kill('SIGKILL');
    await shard.exited;
    expect(lines()[2]).toMatch(new RegExp(`^write-shard-1 +write-shard +s1 +${address} +exited$`));
  } finally {
    await cluster.stop(5000);
  }
});
