import { EventEmitter } from 'node:events';
import type { NodeStatsReply } from '@edis/client';
import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { FakeClient } from '../testing/fake-client.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { runFake } from '../testing/fake-world.ts';
import { sampleStats, sampleTopology } from '../testing/sample-cluster.ts';
import { watchTop } from './top-run.ts';
import { showTop } from './top-view.ts';

const replies: NodeStatsReply[] = [
  { node: 'write-shard-1', shard: 's1', stats: sampleStats },
  {
    node: 'read-shard-1-1',
    shard: 's1',
    stats: { ...sampleStats, node: 'read-shard-1-1', role: 'learner', lagEntries: 2, stalenessMs: 30 },
  },
  { node: 'read-shard-1-2', shard: 's1', error: new EdisError('unreachable', 'nobody answers') },
];

function sampleClient(): FakeClient {
  const client = new FakeClient();
  client.statsReplies = replies;
  return client;
}

describe('the picture', () => {
  const picture = { topology: sampleTopology, replies, fault: undefined };
  const wide = { columns: 200, rows: 50 };

  test('has each node with its role, load, latency, lag, queue and cache, and the hot keys', () => {
    const lines = showTop(picture, wide);
    expect(lines[0]).toBe('edis top: cluster c1, revision 7 · 1 shard, 2 of 3 nodes · 1 234 keys · 10 000 ops/s');
    expect(lines[2]).toMatch(
      /^SHARD +NODE +ROLE +KEYS +BYTES +OPS\/S +READ P50 +READ P99 +WRITE P50 +WRITE P99 +LAG +QUEUE/,
    );
    const primary = /^s1 +write-shard-1 +primary +1 234 +3\.0 MiB +5 000 +90 µs +850 µs +400 µs +2\.1 ms +– +3 +75 %/;
    expect(lines[3]).toMatch(primary);
    expect(lines[4]).toMatch(/^s1 +read-shard-1-1 +learner .* 2 \(30 ms\) /);
    expect(lines[5]).toMatch(/^s1 +read-shard-1-2 +no answer$/);
    // Two members saw 12.5 operations per second each.
    expect(lines.at(-1)).toMatch(/^ +25\.0 +default +s1 +user:1$/);
  });

  test.each([200, 120, 80, 60, 30, 10])('fits %d columns, and keeps what matters most', (columns) => {
    const lines = showTop(picture, { columns, rows: 50 });
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines[2]).toMatch(columns < 30 ? /^SHARD/ : /^SHARD.*NODE/);
    if (columns >= 60) expect(lines[2]).toMatch(/KEYS.*OPS\/S.*P99/);
  });

  test('fits the rows, and says how many are left out', () => {
    const lines = showTop(picture, { columns: 200, rows: 5 });
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe('… 5 lines more');
  });

  test('shows why it is old, and lets no key act on the terminal', () => {
    const hotKeys = [{ keyspace: 9, key: '\u001b[2J', operationsPerSecond: 1 }];
    const reply: NodeStatsReply = { node: 'n', shard: 's1', stats: { ...sampleStats, hotKeys } };
    const lines = showTop({ topology: sampleTopology, replies: [reply], fault: 'late\u0007' }, wide);
    expect(lines.at(-1)).toBe(String.raw`no answer: late\x07`);
    expect(lines.at(-2)).toMatch(/9 +s1 +\\x1b\[2J$/);
  });
});

test('without a terminal, one picture is printed as plain text', async () => {
  const { exitCode, stdout } = await runFake(['top'], { client: sampleClient() });
  expect(exitCode).toBe(0);
  expect(stdout.text).toMatch(/^edis top: cluster c1/);
  expect(stdout.text).not.toContain('\u001b');
});

test('with --json, each picture is a line', async () => {
  const { stdout } = await runFake(['top', '--json', '--count', '2', '--interval', '1ms'], { client: sampleClient() });
  const documents = stdout.text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(documents).toHaveLength(2);
  expect(documents[1]).toMatchObject({ revision: 7, stats: { shards: [{ shard: 's1' }], nodes: [{}, {}, {}] } });
});

test.each([
  [['--interval', '0s'], '--interval is 0s'],
  [['--count', '0'], "--count is '0'"],
])('%o is a usage error', async (argv, text) => {
  const { exitCode, stderr } = await runFake(['top', ...argv]);
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining(text)]);
});

describe('the screen', () => {
  const enter = '\u001b[?1049h';
  const leave = '\u001b[?1049l';

  function start(client: FakeClient, colors = false) {
    const target = new FakeTerminal();
    const keys = new FakeTerminal();
    const ending = new AbortController();
    const options = { intervalMs: 1, count: Number.POSITIVE_INFINITY, ending };
    return { target, keys, ending, ended: watchTop(client, options, { target, keys, colors }) };
  }

  test.each(['q', '\u0003'])('is renewed until the key %j, then it is what it was before', async (key) => {
    const client = sampleClient();
    const { target, keys, ended } = start(client);
    await expect.poll(() => client.calls.length).toBeGreaterThan(2);
    keys.write(key);
    expect(await ended).toBe(0);
    await expect.poll(() => target.text).toContain(leave);
    expect(target.text.startsWith(enter)).toBe(true);
    expect(target.text.indexOf(leave)).toBe(target.text.length - leave.length);
    expect(target.text).toContain('write-shard-1');
    expect(keys.rawModes).toEqual([true, false]);
    // Without colours, only moves and erasures.
    for (const color of ['\u001b[1m', '\u001b[2m', '\u001b[22m']) expect(target.text).not.toContain(color);
  });

  test('has colours where they are wanted, and is drawn anew when the size changes', async () => {
    const { target, ending, ended } = start(sampleClient(), true);
    await expect.poll(() => target.text).toContain('\u001b[1medis top');
    target.columns = 20;
    EventEmitter.prototype.emit.call(target, 'resize');
    await expect.poll(() => target.text).toContain('\u001b[1medis top: cluster c1\u001b'.slice(0, 24));
    ending.abort();
    await ended;
  });

  test('is of the usual size where the terminal does not know its own', async () => {
    const target = Object.assign(new FakeTerminal(), { columns: 0, rows: 0 });
    const ending = new AbortController();
    const options = { intervalMs: 1, count: 1, ending };
    await watchTop(sampleClient(), options, { target, keys: new FakeTerminal(), colors: false });
    await expect.poll(() => target.text).toContain('edis top: cluster c1');
  });

  test('is left when the first answer is an error', async () => {
    const client = sampleClient();
    client.failure = new EdisError('unreachable', 'nobody answers');
    const { target, ended } = start(client);
    await expect(ended).rejects.toThrow('nobody answers');
    await expect.poll(() => target.text.endsWith(leave)).toBe(true);
  });

  test('keeps the last picture while answers do not come, and says so', async () => {
    const client = sampleClient();
    const { target, ending, ended } = start(client);
    await expect.poll(() => client.calls.length).toBeGreaterThan(0);
    await expect.poll(() => target.text).toContain('write-shard-1');
    client.failure = new EdisError('deadline', 'no answer in time');
    await expect.poll(() => target.text).toContain('no answer: no answer in time');
    ending.abort();
    await ended;
  });
});
