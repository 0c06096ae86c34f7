import type { Client } from '@edis/client';
import type { BatchResponse } from '@edis/core';
import { RpcChannel } from '@edis/rpc';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { Judging } from '../soak/judging.ts';
import { expectNothingLost, FailoverLoad, leaderOf, printFigure, wholeGroup } from './failover-load.ts';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;
let client: Client;
let judging: Judging | undefined;

afterEach(async () => {
  await judging?.end();
  await running.close();
});

test('a primary that was stopped for longer than its lease acknowledges nothing when it goes on', async () => {
  running = await TestCluster.start({ shards: 1, replicas: 1 });
  client = await running.client();
  await wholeGroup(client, 's1', 2);
  const load = new FailoverLoad(await running.client(), ['memory', 'disk']);
  judging = new Judging(running, client);
  await load.more(100);
  const primary = running.cluster.process('write-shard-1');
  const channel = new RpcChannel(primary.address ?? '');
  const stream = channel.batch();
  const responses: BatchResponse[] = [];
  stream.listen({ onMessage: (response) => responses.push(response), onClose: () => {} });
  await waitFor(() => responses[0]?.role === 'primary', 'the primary has greeted');
  const { epoch } = responses[0] ?? { epoch: 0 };
  load.restartGaps();
  primary.kill('SIGSTOP');
  const place = { key: 'late', keyspace: 1 };
  // They lie in its socket until it goes on.
  stream.send({
    revision: client.topology().revision,
    epoch,
    client: '',
    completedBelow: 0,
    shard: 's1',
    operations: [
      {
        ...{ kind: 'put', request: 1, ...place, value: 'v', metadata: undefined, ttlMs: 0, expiresAtMs: 0 },
        ...{ sequence: 0, firstSentTimestamp: 0, ack: 'disk', condition: undefined },
      },
      {
        ...{ kind: 'get', request: 2, ...place, consistency: 'strong' },
        ...{ after: undefined, maxStalenessMs: 0, omitValue: false },
      },
    ],
  });
  await leaderOf(client, 's1', 'write-shard-1');
  await load.more(100);
  printFigure(`a stopped primary held writes up for ${load.longestMs('disk')} ms`);
  primary.kill('SIGCONT');
  const answers = (): BatchResponse['results'] => responses.flatMap(({ results }) => results);
  await waitFor(
    () => answers().length === 2,
    () => `both are answered; there is ${JSON.stringify(responses)}`,
  );
  for (const { outcome } of answers()) expect(outcome.kind).toMatch(/^(?:not-primary|unavailable)$/);
  stream.cancel();
  channel.close();
  expect(await client.get('late', { consistency: 'strong' })).toBeUndefined();
  await wholeGroup(client, 's1', 2);
  await load.more(100);
  await load.stop();
  expect(load.errors).toEqual([]);
  await judging.expectHeld();
  expect(load.readGap.longestMs).toBeLessThan(2000);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectNothingLost(running, client, load, ['write-shard-1']);
});
