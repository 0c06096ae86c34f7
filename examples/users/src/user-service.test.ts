import { readFileSync } from 'node:fs';
import { type Client, EdisError } from '@edis/client';
import { createTestCluster, type TestCluster } from '@edis/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { tour } from './tour.ts';
import type { NewUser } from './user.ts';
import { UserService } from './user-service.ts';

let cluster: TestCluster;
let client: Client;
let service: UserService;
let clockMs = 1_700_000_000_000;

beforeAll(async () => {
  cluster = await createTestCluster({ shards: 3, replicas: 1 });
  client = await cluster.client();
  service = await UserService.open(client, () => ++clockMs);
});

beforeEach(() => cluster.clear());

afterAll(() => cluster.close());

const ada: NewUser = { name: 'Ada', email: 'ada@example.org', age: 36, tier: 'pro' };

function createMany(count: number): Promise<unknown> {
  const tiers = ['free', 'free', 'pro', 'team'] as const;
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      service.create({ name: `User ${n}`, email: `u${n}@example.org`, age: n, tier: tiers[n % 4] ?? 'free' }),
    ),
  );
}

test('a user that was created is found by its id', async () => {
  const created = await service.create(ada);
  expect(await service.get(created.id)).toEqual({ ...ada, id: created.id, createdAtMs: clockMs });
  expect(await service.get('nobody')).toBeUndefined();
});

test('what is no user is refused, and nothing is written', async () => {
  const wrong = service.create({ ...ada, email: 'not an address' });
  await expect(wrong).rejects.toBeInstanceOf(EdisError);
  await expect(wrong).rejects.toMatchObject({ code: 'value-invalid' });
  await expect(service.create({ ...ada, age: -1 })).rejects.toMatchObject({ code: 'value-invalid' });
  expect((await service.statistics()).users).toBe(0);
});

test('pages list every user of all shards once, and another process can go on with a cursor', async () => {
  await createMany(50);
  const seen: string[] = [];
  let page = await service.list(20);
  seen.push(...page.users.map(({ id }) => id));
  const elsewhere = await UserService.open(await cluster.client());
  while (page.cursor !== undefined) {
    page = await elsewhere.list(20, page.cursor);
    seen.push(...page.users.map(({ id }) => id));
  }
  expect(new Set(seen).size).toBe(50);
  expect(seen).toEqual(seen.toSorted());
  expect(new Set(seen.map((id) => client.locate(id).shard)).size).toBe(3);
});

test('a user is found by e-mail however it is typed, until it is deleted', async () => {
  await createMany(20);
  const { id } = await service.create({ ...ada, email: 'Ada@Example.org' });
  expect((await service.findByEmail('aDA@example.ORG'))?.id).toBe(id);
  expect(await service.delete(id)).toBe(true);
  expect(await service.findByEmail('ada@example.org')).toBeUndefined();
  expect(await service.delete(id)).toBe(false);
});

test('users are counted per tier over all shards', async () => {
  await createMany(40);
  expect(await service.countPerTier()).toEqual(
    new Map([
      ['free', 20],
      ['pro', 10],
      ['team', 10],
    ]),
  );
});

test('statistics tell number, ages and the newest', async () => {
  expect(await service.statistics()).toEqual({
    users: 0,
    averageAge: undefined,
    oldestAge: undefined,
    newest: undefined,
  });
  await createMany(11);
  const { id } = await service.create({ ...ada, age: 5 });
  expect(await service.statistics()).toMatchObject({ users: 12, averageAge: 5, oldestAge: 10, newest: { id } });
});

test('a tier is changed only from the expected one', async () => {
  const { id } = await service.create(ada);
  expect(await service.changeTier(id, 'free', 'team')).toEqual({ kind: 'other-tier', tier: 'pro' });
  expect(await service.changeTier(id, 'pro', 'team')).toMatchObject({ kind: 'changed', user: { tier: 'team' } });
  expect((await service.get(id))?.tier).toBe('team');
  expect(await service.countPerTier()).toEqual(new Map([['team', 1]]));
  expect(await service.changeTier('nobody', 'free', 'pro')).toEqual({ kind: 'no-such-user' });
});

test('of many who change a tier at once, one succeeds', async () => {
  const { id } = await service.create(ada);
  const others = await Promise.all(Array.from({ length: 8 }, async () => UserService.open(await cluster.client())));
  const changes = await Promise.all(others.map((other) => other.changeTier(id, 'pro', 'team')));
  expect(changes.filter(({ kind }) => kind === 'changed')).toHaveLength(1);
  expect(changes.filter(({ kind }) => kind === 'other-tier')).toHaveLength(7);
});

test('the tour tells what the README shows', async () => {
  const lines: string[] = [];
  await tour(client, (line) => lines.push(line));
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(lines.at(-1)).toBe('deleted: true');
  expect(readme).toContain(lines.map((line) => `    ${line}\n`).join(''));
});
