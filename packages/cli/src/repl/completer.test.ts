import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { commandIndex } from '../command-index.ts';
import { FakeClient } from '../testing/fake-client.ts';
import { Completer } from './completer.ts';

async function sample(): Promise<FakeClient> {
  const client = new FakeClient();
  for (const key of ['user:1', 'user:2', 'two words', "it's", 'esc\u001b[2J', 'z']) await client.put(key, 'v');
  return client;
}

async function complete(line: string, client?: FakeClient) {
  const found = client ?? (await sample());
  return new Completer(async () => found).complete(line);
}

test('an empty line is completed with every command and word of a session', async () => {
  const [words] = await complete('');
  for (const name of commandIndex.keys()) expect(words).toContain(`${name.replace(/ .*/, '')} `);
  expect(words).toContain('use ');
});

test.each([
  ['pu', ['put '], 'pu'],
  ['edis pu', ['put '], 'pu'],
  ['keyspace d', ['describe ', 'drop '], 'd'],
  ['help keyspace cr', ['create '], 'cr'],
  ['put k v --if', ['--if-absent ', '--if-version '], '--if'],
  ['put k v --ack ', ['memory ', 'disk ', 'quorum '], ''],
  ['put k v --ack=', [], '--ack='],
  ['get --consistency b', ['bounded '], 'b'],
  ['get user:', ['user:1 ', 'user:2 '], 'user:'],
  ['get --consistency strong user:2', ['user:2 '], 'user:2'],
  ['mget user:1 us', ['user:1 ', 'user:2 '], 'us'],
  ['put user:1 us', [], 'us'],
  ["get 'two", ["'two words' "], "'two"],
  ['get "it', ['"it\'s" '], '"it'],
  ["get 'it", [], "'it"],
  ['get tw', [], 'tw'],
  ['get es', [], 'es'],
  ['use def', ['default '], 'def'],
  ['get --keyspace ', ['default '], ''],
  ['nonsense us', [], 'us'],
])('%s ⇥', async (line, words, typed) => {
  expect(await complete(line)).toEqual([words, typed]);
});

test('keys are asked for with a small limit and a short deadline', async () => {
  const client = await sample();
  await complete('get user:', client);
  expect(client.calls.at(-1)).toEqual(['keys', { prefix: 'user:', limit: 30, pageSize: 30, timeoutMs: 300 }]);
});

test('what cannot be known is not offered', async () => {
  const client = new FakeClient();
  client.failure = new EdisError('unreachable', 'nobody answers');
  expect(await complete('get us', client)).toEqual([[], 'us']);
});
