import type { Client, FieldCondition, GetOptions, SearchQuery } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SecondProcess } from './second-process.ts';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;
let client: Client;
let second: SecondProcess;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 3, replicas: 1 });
  client = await running.client({ keyspace: 'people' });
  await client.createKeyspace('people', {
    indexedFields: [
      { field: 'tier', kind: 'text' },
      { field: 'age', kind: 'number' },
    ],
  });
  second = new SecondProcess(running.cluster.info, 'people');
});

afterAll(async () => {
  await second.close();
  await running.close();
});

interface Person {
  readonly value: string;
  readonly metadata: { readonly tier: string; readonly age?: string };
}

/** What the cluster has to show, kept in a Map. */
class Oracle {
  readonly people = new Map<string, Person>();

  keys(meets: (person: Person, key: string) => boolean): string[] {
    return [...this.people]
      .filter(([key, person]) => meets(person, key))
      .map(([key]) => key)
      .sort();
  }

  /** By a numeric field first, then by key. */
  keysByAge(from: number, to: number): string[] {
    const found = [...this.people].flatMap(([key, { metadata }]) => {
      const age = metadata.age === undefined ? Number.NaN : Number(metadata.age);
      return age >= from && age < to ? [{ key, age }] : [];
    });
    return found.sort((one, two) => one.age - two.age || (one.key < two.key ? -1 : 1)).map(({ key }) => key);
  }

  tiers(): { group: string; count: number; sum: string | undefined; max: number | undefined }[] {
    const groups = new Map<string, { count: number; ages: number[] }>();
    for (const { metadata } of this.people.values()) {
      const group = groups.get(metadata.tier) ?? { count: 0, ages: [] };
      const ages = metadata.age === undefined ? [] : [Number(metadata.age)];
      groups.set(metadata.tier, { count: group.count + 1, ages: [...group.ages, ...ages] });
    }
    return [...groups].sort(byName).map(([group, { count, ages }]) => ({
      group,
      count,
      sum: ages.length === 0 ? undefined : String(ages.reduce((sum, age) => sum + age, 0)),
      max: ages.length === 0 ? undefined : Math.max(...ages),
    }));
  }
}

const byName = ([one]: [string, unknown], [two]: [string, unknown]): number => (one < two ? -1 : 1);
const tiers = ['gold', 'gilt', 'silver', ''];
const keyCount = 400;

function randomKey(): string {
  return `person-${String(Math.floor(Math.random() * keyCount)).padStart(3, '0')}`;
}

function randomPerson(): Person {
  const tier = tiers[Math.floor(Math.random() * tiers.length)] ?? '';
  const age = Math.floor(Math.random() * 100) - 10;
  return { value: `v-${Math.random()}`, metadata: Math.random() < 0.9 ? { tier, age: String(age) } : { tier } };
}

/** One random write, to cluster and oracle. Each key has one writer at a time. */
async function writeOnce(oracle: Oracle, key: string): Promise<void> {
  const choice = Math.random();
  if (choice < 0.2) {
    await client.delete(key);
    oracle.people.delete(key);
  } else if (choice < 0.35) {
    await client.put(key, 'short', { metadata: randomPerson().metadata, ttlMs: 1 + Math.floor(Math.random() * 300) });
    oracle.people.delete(key);
  } else {
    const person = randomPerson();
    await client.put(key, person.value, { metadata: person.metadata });
    oracle.people.set(key, person);
  }
}

async function writeHistory(oracle: Oracle, count: number): Promise<void> {
  const free = new Set(Array.from({ length: keyCount }, (_, index) => `person-${String(index).padStart(3, '0')}`));
  let left = count;
  const write = async (): Promise<void> => {
    while (left > 0) {
      const key = randomKey();
      if (!free.delete(key)) continue;
      left -= 1;
      await writeOnce(oracle, key);
      free.add(key);
    }
  };
  await Promise.all(Array.from({ length: 32 }, () => write()));
}

/** Every query under one consistency gives what the oracle has. */
async function compare(oracle: Oracle, options: GetOptions): Promise<void> {
  const search = async (query: SearchQuery): Promise<string[]> => {
    const found = await client.search(query, { pageSize: 37, ...options }).toArray();
    for (const { key, value, metadata } of found) {
      expect({ value: Buffer.from(value).toString(), metadata }).toEqual(oracle.people.get(String(key)));
    }
    return found.map(({ key }) => String(key));
  };
  const age: FieldCondition = { gte: -5, lt: 40 };
  const [scanned, keys, part, gold, prefixed, ranged, both, count, grouped] = await Promise.all([
    client.scan({ pageSize: 50, ...options }).toArray(),
    client.keys({ prefix: 'person-1', ...options }).toArray(),
    client.scan({ from: 'person-050', to: 'person-250', limit: 60, ...options }).toArray(),
    search({ tier: 'gold' }),
    search({ tier: { prefix: 'g' } }),
    search({ age }),
    search({ age, tier: 'silver' }),
    client.count({ from: 'person-100', ...options }),
    client.aggregate(
      { groupBy: 'tier', measures: { count: 'count', sum: { sum: 'age' }, max: { max: 'age' } } },
      options,
    ),
  ]);
  const all = oracle.keys(() => true);
  expect(scanned.map(({ key }) => key)).toEqual(all);
  expect(keys).toEqual(oracle.keys((_, key) => key.startsWith('person-1')));
  expect(part.map(({ key }) => key)).toEqual(
    all.filter((key) => key >= 'person-050' && key < 'person-250').slice(0, 60),
  );
  expect(gold).toEqual(oracle.keys(({ metadata }) => metadata.tier === 'gold'));
  expect([...prefixed].sort()).toEqual(oracle.keys(({ metadata }) => metadata.tier.startsWith('g')));
  expect(ranged).toEqual(oracle.keysByAge(-5, 40));
  expect(both).toEqual(oracle.keysByAge(-5, 40).filter((key) => oracle.people.get(key)?.metadata.tier === 'silver'));
  expect(count).toBe(all.filter((key) => key >= 'person-100').length);
  const groups = grouped.groups.map(({ group, count: records, measures }) => {
    return { group, count: records, sum: measures.sum.exact, max: measures.max.value };
  });
  expect(groups).toEqual(oracle.tiers());
}

const levels: readonly GetOptions[] = [
  { consistency: 'strong' },
  { consistency: 'session' },
  { consistency: 'bounded', maxStalenessMs: 0 },
];

test('queries of every consistency agree with a Map over a random history with kill -9 in between', async () => {
  const oracle = new Oracle();
  for (const victim of ['write-shard-1', 'read-shard-2-1', undefined]) {
    const history = writeHistory(oracle, 1200);
    if (victim !== undefined) {
      const process = running.cluster.process(victim);
      process.kill('SIGKILL');
      await process.exited;
      await process.start();
      await running.cluster.waitReady(60_000);
    }
    await history;
    const writtenAtMs = Date.now();
    await waitFor(() => Date.now() > writtenAtMs + 300, 'the last deadline has passed');
    for (const options of levels) await compare(oracle, { timeoutMs: 30_000, ...options });
  }
  await waitFor(
    async () => (await client.count({ consistency: 'strong' })) === oracle.people.size,
    'the counters agree',
  );
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await compare(oracle, { consistency: 'eventual' });
  expect(await client.count({ consistency: 'eventual' })).toBe(oracle.people.size);
});

test('a cursor of one process goes on in another, behind the record that was taken last', async () => {
  const keys = Array.from({ length: 500 }, (_, index) => `cursor-${String(index).padStart(3, '0')}`);
  await client.mput(
    keys.map((key, index) => ({ key, value: 'x', metadata: { tier: 'cursor', age: String(500 - index) } })),
  );
  await running.settled(client);
  for (const taken of [1, 7, 250, 499]) {
    const scan = client.scan({ prefix: 'cursor-', pageSize: 10, limit: taken });
    const first = (await scan.toArray()).map(({ key }) => String(key));
    const rest = await second.ask({ kind: 'scan', prefix: 'cursor-', cursor: scan.cursor ?? '' });
    expect([...first, ...(rest.kind === 'keys' ? rest.keys : [])]).toEqual(keys);
    const search = client.search({ tier: 'cursor', age: { gte: 0 } }, { pageSize: 10, limit: taken });
    const youngest = (await search.toArray()).map(({ key }) => String(key));
    const older = await second.ask({
      kind: 'search',
      query: { tier: 'cursor', age: { gte: 0 } },
      cursor: search.cursor ?? '',
    });
    expect([...youngest, ...(older.kind === 'keys' ? older.keys : [])]).toEqual([...keys].reverse());
  }
  const { cursor = '' } = client.scan({ prefix: 'cursor-', limit: 3 });
  expect(await second.ask({ kind: 'scan', prefix: 'other-', cursor: `${cursor}x` })).toEqual({
    kind: 'error',
    code: 'invalid-argument',
  });
});

test('pages under writes neither lose nor repeat a record that did not change', async () => {
  const keys = Array.from({ length: 600 }, (_, index) => `paged-${String(index).padStart(4, '0')}`);
  const age = (index: number): string => String(index % 50);
  await client.mput(keys.map((key, index) => ({ key, value: 'x', metadata: { tier: 'still', age: age(index) } })));
  let stopped = false;
  let written = 0;
  const disturb = async (): Promise<void> => {
    while (!stopped) {
      const key = `paged-${String(Math.floor(Math.random() * 600)).padStart(4, '0')}-moving`;
      if (Math.random() < 0.5)
        await client.put(key, 'y', { metadata: { tier: 'moving', age: age(written) }, ttlMs: 50 });
      else await client.delete(key);
      written += 1;
    }
  };
  const writers = Promise.all(Array.from({ length: 16 }, () => disturb()));
  const byAge = keys
    .map((key, index) => ({ key, age: index % 50 }))
    .sort((one, two) => one.age - two.age || (one.key < two.key ? -1 : 1))
    .map(({ key }) => key);
  for (const consistency of ['strong', 'session', 'eventual'] as const) {
    const options = { pageSize: 23, consistency };
    const before = written;
    const scanned = await client.scan({ prefix: 'paged-', ...options }).toArray();
    const still = scanned.map(({ key }) => String(key)).filter((key) => !key.endsWith('-moving'));
    const found = await client.search({ age: { gte: 0 } }, options).toArray();
    const foundStill = found.filter(({ metadata }) => metadata['tier'] === 'still').map(({ key }) => String(key));
    expect(written).toBeGreaterThan(before);
    expect(still).toEqual(keys);
    expect(foundStill).toEqual(byAge);
  }
  stopped = true;
  await writers;
});
