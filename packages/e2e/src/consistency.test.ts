import type { Client, GetOptions, ReadReply } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scaled } from './scale.ts';
import { SecondProcess } from './second-process.ts';

const lagMs = 50;
/** Below the lag, about the lag, and far above it. */
const boundsMs = [0, 25, 75, 400];
const callers = 400;

let running: TestCluster;
let writer: Client;
let reader: SecondProcess;

beforeAll(async () => {
  running = await TestCluster.start({
    shards: 3,
    replicas: 2,
    settings: { readShard: ['--fault-replication-delay', `${lagMs}ms`] },
  });
  writer = await running.client();
  reader = new SecondProcess(running.cluster.info);
});

afterAll(async () => {
  await reader.close();
  await running.close();
});

/** What two kinds of reads saw of pairs, and which of them were wrong. */
class Verdict {
  readonly wrong: string[] = [];
  readonly fromReplicas = { session: 0, bounded: 0 };
  pairs = 0;
}

/**
 * Writes round after round to one key. The other process reads each write by the token of this caller's session, and
 * once more within a bound: it may miss only writes that were acknowledged later than that long before its read.
 */
async function runPairs(caller: number, rounds: number, verdict: Verdict): Promise<void> {
  const key = `pair-${caller}`;
  const session = writer.session();
  const acknowledgedAtMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await session.put(key, String(round), { ack: 'memory' });
    acknowledgedAtMs[round] = Date.now();
    const maxStalenessMs = boundsMs[(caller + round) % boundsMs.length] ?? 0;
    const [inSession, bounded] = await Promise.all([
      reader.read({ kind: 'get', key, token: session.token }),
      reader.read({ kind: 'get', key, maxStalenessMs }),
    ]);
    if (Number(inSession.value) < round) verdict.wrong.push(`session read of ${key}: ${inSession.value} for ${round}`);
    const missedAtMs = acknowledgedAtMs[Number(bounded.value) + 1] ?? Number.POSITIVE_INFINITY;
    if (missedAtMs < bounded.startMs - maxStalenessMs) {
      verdict.wrong.push(`read within ${maxStalenessMs} ms of ${key} missed ${bounded.startMs - missedAtMs} ms`);
    }
    if (inSession.role === 'replica') verdict.fromReplicas.session += 1;
    if (bounded.role === 'replica') verdict.fromReplicas.bounded += 1;
    verdict.pairs += 1;
  }
}

test('with lagging replicas, no session read is too old and no bounded read over its bound', async () => {
  const verdict = new Verdict();
  const rounds = scaled(1_000_000) / callers;
  const pairs = Promise.all(Array.from({ length: callers }, (_, caller) => runPairs(caller, rounds, verdict)));
  // A replica that stood still for a while knows nothing of what went by.
  const halted = running.cluster.process('read-shard-1-1');
  halted.kill('SIGSTOP');
  const resume = setTimeout(() => halted.kill('SIGCONT'), 500);
  try {
    await pairs;
  } finally {
    clearTimeout(resume);
    halted.kill('SIGCONT');
  }
  expect(verdict.wrong).toEqual([]);
  expect(verdict.pairs).toBe(scaled(1_000_000));
  expect(verdict.fromReplicas.session).toBeGreaterThan(verdict.pairs / 10);
  expect(verdict.fromReplicas.bounded).toBeGreaterThan(verdict.pairs / 10);
});

/** Every read that there is, of one record and of all shards. */
const readsOfOne: Readonly<Record<string, (options: GetOptions) => Promise<unknown>>> = {
  get: (options) => writer.get('said-0', options),
  'get of nothing': (options) => writer.get('unsaid', options),
  exists: (options) => writer.exists('said-0', options),
  'exists of nothing': (options) => writer.exists('unsaid', options),
  ttl: (options) => writer.ttl('said-0', options),
  'ttl of nothing': (options) => writer.ttl('unsaid', options),
  'mget of one key': (options) => writer.mget(['said-0'], options),
  'mget of nothing': (options) => writer.mget(['unsaid'], options),
};
const readsOfAll: typeof readsOfOne = {
  mget: (options) => writer.mget([...saidKeys, 'unsaid'], options),
  count: (options) => writer.count(options),
  'count of a range': (options) => writer.count({ prefix: 'said-', ...options }),
  keys: (options) => writer.keys({ prefix: 'said-', ...options }).toArray(),
  'keys of nothing': (options) => writer.keys({ prefix: 'unsaid', ...options }).toArray(),
  scan: (options) => writer.scan({ prefix: 'said-', ...options }).toArray(),
  search: (options) => writer.search({ said: 'yes' }, options).toArray(),
  'search of nothing': (options) => writer.search({ said: 'no' }, options).toArray(),
  aggregate: (options) => writer.aggregate({ measures: { all: 'count' } }, options),
};
/** Enough of them for all shards. */
const saidKeys = Array.from({ length: 40 }, (_, index) => `said-${index}`);

/** What the answers say that the read is made of: shard, role and whether the answer may be stale. */
async function answersOf(read: (options: GetOptions) => Promise<unknown>, options: GetOptions): Promise<string[]> {
  const answers: string[] = [];
  const onReply = ({ shard, servedBy, stalenessMs }: ReadReply): void => {
    answers.push(`${shard} ${servedBy.shard} ${servedBy.role} ${stalenessMs === 0 ? 'fresh' : 'stale'}`);
  };
  await read({ ...options, onReply });
  return answers.sort();
}

/** Who is to answer when every replica has all that was written, and none knows of this very moment. */
const whoAnswers: readonly (readonly [GetOptions, string])[] = [
  [{ consistency: 'strong' }, 'primary fresh'],
  [{ consistency: 'bounded', maxStalenessMs: 0 }, 'primary fresh'],
  [{ consistency: 'bounded', maxStalenessMs: 60_000 }, 'replica stale'],
  [{ consistency: 'session' }, 'replica stale'],
  [{ consistency: 'eventual' }, 'replica stale'],
];

test('every answer says who gave it and how stale it may be', async () => {
  await writer.mput(saidKeys.map((key) => ({ key, value: 'x', metadata: { said: 'yes' } })));
  await running.settled(writer);
  const strong = await writer.get('said-0', { consistency: 'strong' });
  expect(strong).toMatchObject({ servedBy: { role: 'primary' }, stalenessMs: 0 });
  const eventual = await writer.get('said-0', { consistency: 'eventual' });
  expect(eventual?.servedBy.role).toBe('replica');
  expect(eventual?.stalenessMs).toBeGreaterThan(0);
  expect(eventual?.shard).toBe(eventual?.servedBy.shard);
  const shards = ['s1', 's2', 's3'];
  for (const [options, who] of whoAnswers) {
    const level = JSON.stringify(options);
    for (const [name, read] of Object.entries(readsOfOne)) {
      const { shard } = writer.locate(name.endsWith('of nothing') ? 'unsaid' : 'said-0');
      expect(await answersOf(read, options), `${name} ${level}`).toEqual([`${shard} ${shard} ${who}`]);
    }
    for (const [name, read] of Object.entries(readsOfAll)) {
      const answers = shards.map((shard) => `${shard} ${shard} ${who}`);
      expect(await answersOf(read, options), `${name} ${level}`).toEqual(answers);
    }
  }
});

test('the token of another cluster is refused, and so is a damaged one', async () => {
  const elsewhere = await TestCluster.start({ shards: 1, replicas: 0, ephemeral: true });
  try {
    const foreign = (await (await elsewhere.client()).put('a', 'x')).token;
    const { token } = await writer.put('a', 'x');
    const other = (character: string | undefined): string => (character === 'A' ? 'B' : 'A');
    const damaged = Array.from(token, (character, at) => token.slice(0, at) + other(character) + token.slice(at + 1));
    for (const bad of [foreign, ...damaged, 'hello', token.slice(0, token.length / 2)]) {
      expect(await reader.ask({ kind: 'get', key: 'a', token: bad })).toEqual({
        kind: 'error',
        code: 'invalid-argument',
      });
      await expect(writer.get('a', { after: bad })).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  } finally {
    await elsewhere.close();
  }
});
