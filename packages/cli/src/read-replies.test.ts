import { describe, expect, test } from 'vitest';
import { ReadReplies, RepliesByKey } from './read-replies.ts';
import { FakeClient } from './testing/fake-client.ts';
import { runFake } from './testing/fake-world.ts';

const servedBy = { node: 'read-shard-1-1', role: 'learner', shard: 's1' };
const answerer = { servedBy, stalenessMs: 12 };
const reply = { shard: 's1', token: 'token-1', ...answerer };

async function documentsOf(...argv: string[]): Promise<unknown[]> {
  const client = new FakeClient();
  await client.put('there', 'v');
  await client.put('another', 'v');
  const { stdout } = await runFake([...argv, '--json'], { client });
  const lines = stdout.text.trimEnd().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}

describe('with --json, who answered and how stale that may be is said by', () => {
  test.each([
    ['get', { value: null }],
    ['exists', { exists: false }],
    ['ttl', { exists: false, ttlMs: null }],
    ['mget', { value: null }],
  ])('%s of nothing', async (command, found) => {
    expect(await documentsOf(command, 'nothing')).toEqual([{ key: 'nothing', ...found, ...reply }]);
  });

  test.each([
    ['exists', { exists: true }],
    ['ttl', { exists: true, ttlMs: null }],
  ])('%s of a record, from which it gives no more', async (command, found) => {
    expect(await documentsOf(command, 'there')).toEqual([{ key: 'there', ...found, ...reply }]);
  });

  test.each([[['keys']], [['scan', '--keys-only']]])('each line of %j', async (argv) => {
    expect(await documentsOf(...argv, '--prefix', 'there')).toEqual([{ key: 'there', ...answerer }]);
  });

  test('count, for all shards together', async () => {
    expect(await documentsOf('count')).toEqual([
      { keyspace: 'default', count: 2, servedBy: [{ node: 'read-shard-1-1', shard: 's1' }], stalenessMs: 12 },
    ]);
  });
});

test('nobody is asked who answers when nothing says it', async () => {
  for (const argv of [['get', 'k'], ['exists', 'k'], ['ttl', 'k'], ['mget', 'k'], ['count'], ['keys']]) {
    const { client } = await runFake(argv);
    const options = client.calls.flat().filter((part): part is object => typeof part === 'object');
    expect(options).not.toHaveLength(0);
    for (const each of options) expect(each).not.toHaveProperty('onReply');
  }
});

test('of several answers each node is named once, and the one that is furthest behind counts', () => {
  const replies = new ReadReplies(true);
  for (const [node, stalenessMs] of [
    ['n1', 3],
    ['n2', 40],
    ['n1', 5],
  ] as const) {
    const servedBy = { node, role: 'replica', shard: 's1' } as const;
    replies.option.onReply?.({ keys: undefined, shard: 's1', token: 't', servedBy, stalenessMs });
  }
  const servedBy = ['n1', 'n2'].map((node) => ({ node, shard: 's1' }));
  expect(replies.allJson()).toEqual({ servedBy, stalenessMs: 40 });
});

test('a key of bytes is not the text that shows it', () => {
  const replies = new RepliesByKey(true);
  const common = { shard: 's1', token: 't', servedBy: { node: 'n', role: 'replica', shard: 's1' } } as const;
  replies.option.onReply?.({ ...common, keys: [Buffer.from([0xff])], stalenessMs: 1 });
  replies.option.onReply?.({ ...common, keys: ['{"base64":"/w=="}'], stalenessMs: 2 });
  expect(replies.take(Buffer.from([0xff])).stalenessMs).toBe(1);
  expect(replies.take('{"base64":"/w=="}').stalenessMs).toBe(2);
});
