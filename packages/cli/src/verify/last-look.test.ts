import { HistoryRecorder } from '@edis/checker';
import type { GetResult, Key, NodeStatsReply } from '@edis/client';
import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { sampleStats } from '../testing/sample-cluster.ts';
import { lookAtMembers, readLast } from './last-look.ts';

function reply(node: string, position: number, viewPosition = position): NodeStatsReply {
  const stats = { ...sampleStats, node, lastEntry: { epoch: 3, position }, viewPosition };
  return { shard: 's1', node, stats };
}

test('members are level when those that answered stand at one entry, and have folded it', () => {
  const { dumps, ...level } = lookAtMembers([reply('a', 9), reply('b', 9)]);
  expect(level).toEqual({ areLevel: true, silent: [] });
  expect(dumps).toMatchObject([{ node: 'a', applied: { epoch: 3, position: 9 } }, { node: 'b' }]);
  expect(lookAtMembers([reply('a', 9), reply('b', 8)]).areLevel).toBe(false);
  const unfolded = lookAtMembers([reply('a', 9), reply('b', 9, 8)]);
  expect([unfolded.areLevel, unfolded.dumps.map(({ node }) => node)]).toEqual([false, ['a']]);
  const lost = { shard: 's1', node: 'b', error: new EdisError('unreachable', 'nobody answers') };
  expect(lookAtMembers([reply('a', 9), lost])).toMatchObject({ areLevel: true, silent: ['b'] });
});

test('a key that could not be read is read again while that is wanted, and is missing then', async () => {
  const tries = new Map<string, number>();
  class FlakyClient extends FakeClient {
    override async get(key: Key): Promise<GetResult | undefined> {
      const count = (tries.get(String(key)) ?? 0) + 1;
      tries.set(String(key), count);
      if (key === 'lost' || count === 1) throw new EdisError('unreachable', 'nobody answers');
      return super.get(key);
    }
  }
  const reader = new FlakyClient();
  await reader.put('there', 'x');
  const recorder = new HistoryRecorder({ nowMs: () => performance.now() });
  const look = { recorder, reader, cluster: () => 'c1', goesOn: () => (tries.get('lost') ?? 0) < 3 };
  const final = await readLast(['there', 'absent', 'lost'], look);
  expect([...final.keys()].toSorted()).toEqual(['absent', 'there']);
  expect(final.get('there')).toMatchObject({ value: 'x' });
});
