import { EdisError } from '@edis/core';
import { exitCodes as exitCodesOfProcess } from '@edis/process';
import { expect, test } from 'vitest';
import { showArguments } from './command.ts';
import { commandIndex } from './command-index.ts';
import { exitCodes } from './exit-code.ts';
import { synonyms } from './synonym.ts';
import { brokenClient } from './testing/fake-client.ts';
import { runFake } from './testing/fake-world.ts';

test('without a command the general help is printed', async () => {
  const { exitCode, stdout } = await runFake([]);
  expect(exitCode).toBe(0);
  expect(stdout.text).toContain('Usage: edis COMMAND');
  for (const name of commandIndex.keys()) expect(stdout.text).toMatch(new RegExp(`^\\s+edis ${name}\\s`, 'm'));
});

test.each([...commandIndex.keys()])('%s --help names its positionals and options', async (name) => {
  const { exitCode, stdout } = await runFake([...name.split(' '), '--help']);
  const command = await commandIndex.get(name)?.load();
  expect(exitCode).toBe(0);
  expect(command?.name).toBe(name);
  expect(stdout.text).toContain(`Usage: edis ${name} ${showArguments(command ?? { arguments: [] })}`.trimEnd());
  for (const option of Object.keys(command?.options ?? {})) expect(stdout.text).toContain(`--${option}`);
  expect(stdout.text).toContain('--info');
});

test('a group alone explains its commands', async () => {
  const { exitCode, stdout } = await runFake(['keyspace', '--help']);
  expect([exitCode, stdout.text.match(/edis keyspace (\w+) {2}/g)]).toEqual([
    0,
    expect.arrayContaining(['edis keyspace create  ', 'edis keyspace drop  ']),
  ]);
  expect((await runFake(['help', 'keyspace', 'drop'])).stdout.text).toContain('Usage: edis keyspace drop NAME');
});

test('what an error repeats of its input cannot act on the terminal', async () => {
  const { stderr } = await runFake(['search', '\u001b[2J']);
  expect(stderr.text).toContain(String.raw`edis: '\x1b[2J' is not a condition`);
});

test('what another store calls a command leads to a command that is there', () => {
  for (const [word, meant] of synonyms) {
    expect(commandIndex.has(word)).toBe(false);
    expect([...commandIndex.keys()].some((name) => meant === name || meant.startsWith(`${name} `))).toBe(true);
  }
});

test('--version prints the version', async () => {
  expect((await runFake(['--version'])).stdout.text).toBe('1.2.3\n');
});

test.each([
  [['gett', 'k'], "unknown command 'gett'; did you mean get?"],
  [['set', 'k', 'v'], "unknown command 'set'; here it is: edis put"],
  [['--prefix', 'a', 'scan'], 'unknown option --prefix; options of a command stand after its name'],
  [['get', 'k', '--consistancy', 'strong'], 'unknown option --consistancy; did you mean --consistency?'],
  [['--jsonn', 'get', 'k'], 'unknown option --jsonn; did you mean --json?'],
  [['put', 'k', '-x'], 'unknown option -x; see edis put --help (a key or value that begins with - goes after --)'],
  [['get'], 'get: KEY is missing; usage: edis get KEY'],
  [['put', 'k'], 'put: VALUE is missing; usage: edis put KEY VALUE'],
  [['get', 'a', 'b'], "get: 'b' is one argument too many; usage: edis get KEY"],
  [['put', 'k', 'v', 'w'], "put: 'w' is one argument too many"],
  [['get', 'k', '--timeout'], '--timeout needs a value'],
  [['get', 'k', '--timeout', '1s', '--timeout', '2s'], '--timeout is given more than once'],
  [['get', 'k', '--timeout', '5'], "--timeout: '5' is not a duration"],
  [['get', 'k', '--timeout', '2h'], '--timeout is 2h; it must be from 1ms to 1h'],
  [['get', 'k', '--info', 'nowhere'], "--info: 'nowhere' is not HOST:PORT"],
  [['get', 'k', '--info', 'localhost:99999'], "--info: 'localhost:99999' is not HOST:PORT"],
  [['get', 'k', '--json=maybe'], "--json takes no value, got 'maybe'"],
  [['get', 'k', '--consistency', 'some'], "--consistency is 'some'; it must be one of eventual, session"],
  [['get', 'k', '--consistency', 'bounded'], '--consistency bounded needs --max-staleness'],
  [['get', 'k', '--consistency', 'strong', '--after', 't'], '--after belongs to --consistency session'],
  [['put', 'k', 'v', '--ack', 'all'], "--ack is 'all'; it must be one of memory, disk, quorum"],
  [['put', 'k', 'v', '--if-version', '-1'], "--if-version is '-1'; it must be a whole number"],
  [['put', 'k', 'v', '--if-absent', '--if-version', '3'], 'exclude each other'],
  [['put', 'k', 'v', '--meta', 'nothing'], "--meta is 'nothing'; write NAME=VALUE"],
  [['put', 'k', 'v', '--meta', 'a=1', '--meta', 'a=2'], '--meta gives a twice'],
  [['get', 'a\ufffd'], 'get: KEY is not UTF-8 (it has a U+FFFD), and a command line has no other keys'],
  [['put', 'a\ufffd', 'v'], 'put: KEY is not UTF-8'],
  [['mget', 'a', 'b\ufffd'], 'mget: KEY is not UTF-8'],
  [['mput', 'a=1', 'b\ufffd=2'], 'mput: KEY is not UTF-8'],
  [['put', 'a\u0001b\u001b[31m', 'v'], 'put: KEY has a control character, U+0001, as character 2; if it is meant'],
  [['put', '\u{1f600}\u001b[31m', 'v'], 'KEY has a control character, U+001B, as character 2'],
  [['put', '--', '\u0000a', 'v'], 'KEY has a control character, U+0000, as character 1'],
  [['append', 'k\u007f', 'v'], 'append: KEY has a control character, U+007F, as character 2'],
  [
    ['incr', 'bad\nkey', '2'],
    String.raw`write the record with mput, whose NDJSON on stdin has it as an escape: {"key":"…\u000a…"`,
  ],
  [['mput', 'a=1', 'b\u0085=2'], 'mput: KEY has a control character, U+0085, as character 2'],
  [['mput', `${'k'.repeat(4097)}=2`], 'mput: a KEY has 4097 bytes; it has at most 4096'],
  [['mput', 'novalue'], "mput: 'novalue' is not KEY=VALUE"],
  [['up', '--shards', 'three'], "--shards is 'three'; it must be a whole number"],
  [['up', '--ephemeral', '--data', 'd'], '--ephemeral and --data exclude each other'],
  [['put', 'k', 'v', '--ttl', 'soon'], "--ttl: 'soon' is not a duration; write for example 500ms, 30s, 5m, 2h or 7d"],
  [['put', 'k', 'v', '--ttl', '0s'], '--ttl is 0s; it must be from 1ms to 36500d'],
  [['put', 'k', 'v', '--ttl', '0'], '--ttl is 0; it must be from 1ms to 36500d'],
  [['put', 'k', 'v', '--ttl', '-5s'], "--ttl: '-5s' is not a duration"],
  [['expire', 'k', 'never'], 'TTL is never; that is: edis persist k'],
  [['expire', 'k', '-5s'], "TTL: '-5s' is not a duration"],
  [['incr', 'k', '1.5'], "BY is '1.5'; it must be a whole number of 64 bits, for example 5 or -5"],
  [['incr', 'k', '9223372036854775808'], 'it must be a whole number of 64 bits'],
  [['delete', 'k', '--get', '--if-version', '3'], '--get and --if-version exclude each other'],
  [['scan', '--prefix', 'a', '--from', 'b'], '--prefix excludes --from and --to'],
  [['scan', '--from', 'b', '--to', 'a'], '--from lies behind --to, so no key is between them'],
  [['scan', '--limit', '0'], "--limit is '0'; it must be a whole number from 1"],
  [['scan', 'user:'], "scan: 'user:' is one argument too many"],
  [['search'], 'search: CONDITION is missing; usage: edis search CONDITION …'],
  [['search', 'team'], "'team' is not a condition; write for example team=core, name^=a or 'age>=18'"],
  [['search', 'team!=core'], 'there is no !='],
  [['search', 'team==core'], "'team==core': equality is one =, as in team=core"],
  [['search', 'a=1', 'a=2'], 'there is a condition on a already'],
  [['search', 'a>1', 'a>=2'], 'the range has a lower bound already'],
  [['search', 'a^=1', 'a<2'], 'there is a condition on a already'],
  [['aggregate', '--top', '3'], '--top needs --group-by'],
  [['aggregate', '--group-by', 'a', '--by', 'sum:b'], '--by belongs to --top'],
  [['aggregate', '--group-by', 'a', '--top', '2', '--by', 'total'], "--by is 'total'; write count, or sum:F"],
  [['watch', '--limit', 'x'], "--limit is 'x'; it must be a whole number"],
  [['keyspace'], 'keyspace needs one of create, list, describe, drop; for example: edis keyspace create …'],
  [['keyspace', 'creat', 'users'], "unknown command 'keyspace creat'; did you mean create?"],
  [['keyspace', 'x'], 'keyspace has create, list, describe, drop'],
  [['keyspac', 'create'], "unknown command 'keyspac'; did you mean keyspace?"],
  [['keyspace', 'create', 'Users!'], '"Users!" cannot be the name of a keyspace'],
  [['keyspace', 'create', 'u', '--index', 'age:int'], "--index is 'age:int'; write FIELD or FIELD:number"],
  [['keyspace', 'create', 'u', '--index', 'age', '--index-none'], 'exclude each other'],
  [['keyspace', 'create', 'u', '--max-value', '1meg'], "--max-value: '1meg' is not a size; write for example 64MiB"],
  [['keyspace', 'create', 'u', '--max-key', '1MiB'], '--max-key is 1MiB; it must be from 1B to 4KiB'],
  [['keyspace', 'drop', 'u'], 'without a terminal it needs --yes'],
  [['health', 'nowhere'], "'nowhere' is not an address"],
])('%o is a usage error that says what to do', async (argv, text) => {
  const { exitCode, stdout, stderr, connections } = await runFake(argv);
  expect(exitCode).toBe(2);
  expect(stderr.text).toContain(text);
  expect(stderr.text).toMatch(/^edis: [^\n]*\n$/);
  expect(stdout.text).toBe('');
  expect(connections).toEqual([]);
});

test.each([
  ['invalid-argument', 2],
  ['expired', 2],
  ['condition-failed', 1],
  ['no-such-keyspace', 2],
  ['unreachable', 3],
  ['deadline', 3],
  ['not-formed', 3],
  ['busy', 4],
  ['refused', 5],
  ['internal', 70],
  ['disk', 74],
  ['damaged', 74],
] as const)('an error %s ends with exit code %d and one line', async (code, expected) => {
  const { exitCode, stderr, client } = await runFake(['get', 'k'], {
    client: brokenClient(new EdisError(code, 'the cause\n  in two lines')),
  });
  expect(exitCode).toBe(expected);
  expect(stderr.text).toMatch(/^edis: the cause in two lines[^\n]*\n$/);
  expect(client.closed).toBe(true);
});

test('with --json an error is one document on stderr', async () => {
  const { stderr, stdout } = await runFake(['put', 'k', 'v', '--json'], {
    client: brokenClient(new EdisError('busy', 'the queue is full', { retryAfterMs: 20 })),
  });
  expect(JSON.parse(stderr.text)).toEqual({
    error: { code: 'busy', message: 'the queue is full (try again in 20 ms)', retryAfterMs: 20 },
  });
  expect(stdout.text).toBe('');
});

test('a bug shows its stack only on request', async () => {
  const client = brokenClient(new EdisError('internal', 'broken invariant'));
  expect((await runFake(['get', 'k'], { client })).stderr.text).not.toContain('    at ');
  expect((await runFake(['get', 'k'], { client, environment: { EDIS_DEBUG: '1' } })).stderr.text).toContain('    at ');
});

test('nobody at the default address leads to the advice to start a cluster', async () => {
  const connect = () => Promise.reject(new EdisError('unreachable', 'nobody answers at localhost:7400'));
  const { exitCode, stderr } = await runFake(['get', 'k'], { world: { connect } });
  expect(exitCode).toBe(3);
  expect(stderr.text).toContain('nobody answers at localhost:7400; start a cluster with `edis up`');
});

test('options beat variables, variables beat defaults, an empty variable is unset', async () => {
  const environment = { EDIS_INFO: 'a:1,b:2', EDIS_NETWORK: 'host', EDIS_TIMEOUT: '' };
  const fromVariables = await runFake(['get', 'k'], { environment });
  expect(fromVariables.connections).toEqual([
    { info: ['a:1', 'b:2'], network: 'host', keyspace: undefined, timeoutMs: 5000 },
  ]);
  const argv = ['--info', 'c:3', '--info=d:4', 'get', 'k', '--network', 'internal', '--timeout', '250ms'];
  const fromOptions = await runFake([...argv, '--keyspace', 'users'], { environment });
  expect(fromOptions.connections).toEqual([
    { info: ['c:3', 'd:4'], network: 'internal', keyspace: 'users', timeoutMs: 250 },
  ]);
});

test.each([
  ['EDIS_TIMEOUT', ['get', 'k'], "edis: EDIS_TIMEOUT: 'abc' is not a duration"],
  ['EDIS_INFO', ['get', 'k'], "edis: EDIS_INFO: 'abc' is not HOST:PORT"],
  ['EDIS_TIMEOUT', ['get', 'k', '--timeout', 'x'], "edis: --timeout: 'x' is not a duration"],
])('what is wrong in %s is said of the variable, unless an option beats it', async (name, argv, text) => {
  const { exitCode, stderr } = await runFake(argv, { environment: { [name]: 'abc' } });
  expect([exitCode, stderr.text]).toEqual([2, expect.stringContaining(text)]);
});

test('the exit codes of commands are those of every binary', () => {
  expect(exitCodesOfProcess).toMatchObject(exitCodes);
});
