import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WatchEvent } from '@edis/client';
import { EdisError } from '@edis/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandIndex } from './command-index.ts';
import { commandSections, fencedBlocks, typeNameOf } from './testing/cli-docs.ts';
import { FakeClient } from './testing/fake-client.ts';
import { runFake } from './testing/fake-world.ts';
import { parseShapes, ShapeCheck } from './testing/json-shape.ts';
import { sampleStats } from './testing/sample-cluster.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const sections = commandSections(page, commandIndex.keys());
const check = new ShapeCheck(parseShapes(fencedBlocks(page, 'ts').join('\n')));

test('every command has its section, in the order of help', () => {
  expect(sections.map(({ name }) => name)).toEqual([...commandIndex.keys()]);
});

test.each(sections)('the section of $name names every option, and shows an example', async ({ name, text }) => {
  const command = await commandIndex.get(name)?.load();
  const shared = ['consistency', 'max-staleness', 'after'];
  const own = Object.keys(command?.options ?? {}).filter((option) => !shared.includes(option));
  for (const option of own) expect(text).toContain(`--${option}`);
  expect(fencedBlocks(text, 'ts').join('\n')).toContain(`type ${typeNameOf(name)}Output =`);
  // `up` runs until it is ended: it is shown at the top of the page.
  if (name !== 'up') expect(fencedBlocks(text, 'console').join('\n')).toContain(`$ edis ${name}`);
});

test('commands that read take the options of the table of freshness', async () => {
  const reads: string[] = [];
  for (const [name, entry] of commandIndex) {
    if ('max-staleness' in (await entry.load()).options) reads.push(name);
  }
  const [, list = ''] = /\*\*How fresh a read is\.\*\* (.*?) take:/s.exec(page) ?? [];
  expect(new Set([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name))).toEqual(new Set(reads));
});

const events: readonly WatchEvent[] = [
  { kind: 'snapshot-begin', cause: 'log-too-short', shard: 's1', token: 't0' },
  {
    kind: 'snapshot',
    key: Buffer.from([255]),
    value: Buffer.from([254]),
    metadata: { team: 'core' },
    version: 5,
    expiresAtMs: 9,
    shard: 's1',
    token: 't1',
  },
  { kind: 'snapshot-end', shard: 's1', token: 't2' },
  { kind: 'delete', key: 'a', version: 6, shard: 's1', token: 't3' },
];

async function sampleClient(): Promise<FakeClient> {
  const client = new FakeClient();
  await client.put('text', 'value', { metadata: { team: 'core' }, ttlMs: 1000 });
  await client.put('bytes', Buffer.from([255]), { metadata: { team: 'core' } });
  await client.put('number', '1');
  await client.createKeyspace('users', { indexedFields: [{ field: 'age', kind: 'number' }] });
  client.events = [...events];
  client.groups = [
    { group: undefined, count: 1, measures: { 'sum:age': { kind: 'sum', value: 2, exact: '2' } } },
    { group: 'core', count: 1, measures: { 'sum:age': { kind: 'sum', value: undefined, exact: undefined } } },
  ];
  client.statsReplies = [
    { node: 'write-shard-1', shard: 's1', stats: sampleStats },
    { node: 'read-shard-1-1', shard: 's1', error: new EdisError('unreachable', 'nobody answers') },
  ];
  // So that a verification has something to complain of.
  client.forgets = (key) => String(key).endsWith('record:0');
  client.keyFailures.set('late', new EdisError('deadline', 'no answer in time', { outcomeUnknown: true }));
  client.shardOf = (key) => `s${String(key).length}`;
  client.batchFailures.set('s2', { status: 'unknown', error: new EdisError('deadline', 'no answer in time') });
  return client;
}

/** Command lines that together print every document that there is; those of `up`, which needs processes, elsewhere. */
const commandLines = [
  'put new value',
  'put text value --if-absent',
  'put gone value --if-version 5',
  'get text',
  'get bytes',
  'get gone',
  'delete text',
  'delete gone',
  'delete text --if-version 9',
  'delete bytes --get',
  'delete gone --get',
  'exists text',
  'mput a=1 late=2',
  'mput --atomic a=1 bb=2',
  'mget text gone',
  'incr number',
  'append text more',
  'expire text 1s',
  'expire gone 1s',
  'persist text',
  'persist gone',
  'ttl text',
  'ttl number',
  'ttl gone',
  'scan --limit 2',
  'scan --keys-only',
  'keys --limit 2',
  'count',
  'search team=core --limit 1',
  'aggregate --sum age',
  'watch',
  'keyspace create other',
  'keyspace list',
  'keyspace describe users',
  'keyspace drop users --yes',
  'export',
  'export FILE',
  'import FILE',
  'import RECEIPT',
  'import',
  'topology',
  'stats',
  'distribution',
  'locate a{b}c',
  'promote s1',
  'verify --duration 400ms --keys 4 --pause',
  'top --count 2 --interval 1ms',
  'repl',
  'completion bash',
  'health localhost:7410',
];

/** Words that stand for one. */
const files = new Set(['FILE', 'RECEIPT']);

/** What they read from stdin. */
const inputs: ReadonlyMap<string, string> = new Map([
  ['import', '{"key":"a","value":"1"}\n'],
  ['repl', 'put text new\nget text\n'],
]);

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-cli-docs-'));
  await writeFile(join(directory, 'import'), '{"key":"a","value":"1"}\n');
  const lost = { kind: 'put', keyspace: 1, key: 'a', value: '1', version: 9, epoch: 1, position: 3 };
  await writeFile(join(directory, 'receipt'), `${JSON.stringify(lost)}\n`);
});
afterAll(() => rm(directory, { recursive: true }));

function documents(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line): unknown => JSON.parse(line));
}

describe('what a command prints with --json is what the page says', () => {
  test.each(commandLines)('edis %s', async (line) => {
    const words = line.split(' ');
    const name = commandIndex.has(words.slice(0, 2).join(' ')) ? words.slice(0, 2).join(' ') : (words[0] ?? '');
    const argv = words.map((word) => (files.has(word) ? join(directory, word === 'FILE' ? name : 'receipt') : word));
    const stdin = inputs.get(name) ?? '';
    const { stdout, stderr } = await runFake([...argv, '--json'], { client: await sampleClient(), stdin });
    const printed = documents(stdout.text);
    expect(printed.length).toBeGreaterThan(0);
    for (const document of printed) expect(check.fault(document, `${typeNameOf(name)}Output`)).toBeUndefined();
    for (const document of documents(stderr.text)) {
      const isError = typeof document === 'object' && document !== null && 'error' in document;
      expect(check.fault(document, isError ? 'ErrorNote' : `${typeNameOf(name)}Note`)).toBeUndefined();
    }
  });

  test.each(sections.map(({ name }) => name).filter((name) => name !== 'up'))(
    'nothing is documented for %s that it does not print',
    (name) => {
      expect(commandLines.filter((line) => line.startsWith(name))).not.toEqual([]);
      expect(check.unmet(`${typeNameOf(name)}Output`)).toEqual([]);
    },
  );

  test('an error', async () => {
    const client = new FakeClient();
    client.failure = new EdisError('busy', 'the queue is full', { retryAfterMs: 20, outcomeUnknown: true });
    const { stderr } = await runFake(['get', 'k', '--json'], { client });
    expect(check.fault(JSON.parse(stderr.text), 'ErrorNote')).toBeUndefined();
  });
});

test('a shape finds what is missing, surplus or of another type', () => {
  const shapes = parseShapes("type A = { a: number; b?: ('x' | null)[]; c: { [name: string]: string } };");
  const fault = (document: unknown) => new ShapeCheck(shapes).fault(document, 'A');
  expect(fault({ a: 1, c: {} })).toBeUndefined();
  expect(fault({ a: 1, b: ['x', null], c: { d: 'e' } })).toBeUndefined();
  expect(fault({ a: '1', c: {} })).toContain('A.a is "1", not number');
  expect(fault({ c: {} })).toBe('A.a is missing');
  expect(fault({ a: 1, b: ['y'], c: {} })).toContain('A.b[0] is "y", not "x"');
  expect(fault({ a: 1, c: { d: 5 } })).toContain('A.c.d is 5, not string');
  expect(fault({ a: 1, c: {}, d: 1 })).toBe('A.d is not documented');
});
