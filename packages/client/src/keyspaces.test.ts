import type { StandardSchemaV1 } from '@standard-schema/spec';
import { afterEach, expect, it } from 'vitest';
import { callUntyped, failureOf, openOver, textOf } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';

interface User {
  readonly name: string;
  readonly age: number;
}

let client: OpenClient;
let cluster: FakeCluster;

async function open(): Promise<void> {
  cluster = new FakeCluster({ shards: 2, replicas: 0 });
  client = await openOver(cluster, { info: [cluster.info, cluster.nextInfo] });
}

afterEach(() => client.close());

/** A schema of users; texts become names in lower case. */
function userSchema(answersLater: boolean): StandardSchemaV1<unknown, User> {
  const check = (value: unknown): StandardSchemaV1.Result<User> => {
    const { name, age } = (value ?? {}) as Partial<User>;
    if (typeof name !== 'string') return { issues: [{ message: 'must be a text', path: ['name'] }] };
    if (typeof age !== 'number') return { issues: [{ message: 'must be a number', path: [{ key: 'age' }] }] };
    return { value: { name: name.toLowerCase(), age } };
  };
  const validate = (value: unknown) => (answersLater ? Promise.resolve(check(value)) : check(value));
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

it('a keyspace that was created can be used as soon as the promise resolves', async () => {
  await open();
  const users = client.keyspace('users');
  expect(await failureOf(users.put('k', 'v'))).toMatchObject({ code: 'no-such-keyspace' });
  const created = await client.createKeyspace('users', { defaultTtlMs: 5_000 });
  expect(created).toMatchObject({ name: 'users', id: 2, strategy: 'hash', settings: { defaultTtlMs: 5_000 } });
  expect(await users.put('k', 'v')).toMatchObject({ applied: true });
});

it('the same key has a record in each keyspace', async () => {
  await open();
  await client.createKeyspace('users');
  const users = client.keyspace('users');
  await client.put('k', 'default');
  await users.put('k', 'users');
  expect(textOf((await client.get('k'))?.value)).toBe('default');
  expect(textOf((await users.get('k'))?.value)).toBe('users');
  expect(users.locate('k')).toMatchObject({ keyspace: 'users' });
  expect(users.name).toBe('users');
});

it('creating the same again is no error, and with other settings it is keyspace-exists', async () => {
  await open();
  await client.createKeyspace('users');
  expect(await client.createKeyspace('users')).toMatchObject({ id: 2 });
  const other = client.createKeyspace('users', { defaultTtlMs: 1 });
  expect(await failureOf(other)).toMatchObject({ code: 'keyspace-exists' });
});

it.each(['', 'Users', '-users', 'a b', 'x'.repeat(65)])('%j is refused as the name of a keyspace', async (name) => {
  await open();
  expect(await failureOf(client.createKeyspace(name))).toMatchObject({ code: 'invalid-argument' });
  expect(await failureOf(client.dropKeyspace(name))).toMatchObject({ code: 'invalid-argument' });
});

it('settings beyond their bounds are refused', async () => {
  await open();
  expect(await failureOf(client.createKeyspace('users', { defaultTtlMs: -1 }))).toMatchObject({
    code: 'invalid-argument',
  });
});

it.each([
  { indexFields: [] },
  { indexedFields: 'age' },
  { indexedFields: ['age'] },
  { indexedFields: [{ field: 'age', kind: 'integer' }] },
  { valueSchema: 5 },
])('settings that no type allows are refused: %j', async (settings) => {
  await open();
  const created = callUntyped(client, 'createKeyspace', 'users', settings);
  expect(await failureOf(created)).toMatchObject({ code: 'invalid-argument' });
  expect(await client.keyspaces()).toHaveLength(1);
});

it('a dropped keyspace is gone when the promise resolves, and dropping it again says that there was none', async () => {
  await open();
  await client.createKeyspace('users');
  expect(await client.dropKeyspace('users')).toBe(true);
  expect(await failureOf(client.keyspace('users').get('k'))).toMatchObject({ code: 'no-such-keyspace' });
  expect(await client.dropKeyspace('users')).toBe(false);
});

it('keyspaces are listed with what the primaries hold', async () => {
  await open();
  await client.createKeyspace('users');
  const users = client.keyspace('users');
  for (let index = 0; index < 20; index++) await users.put(`k${index}`, '12345');
  expect(await client.keyspaces()).toMatchObject([
    { name: 'default', records: 0, bytes: 0 },
    { name: 'users', records: 20, bytes: 100 },
  ]);
  cluster.node('s2-w').kill();
  expect(await client.keyspaces()).toMatchObject([{ records: undefined }, { records: undefined, bytes: undefined }]);
});

it('one keyspace is described as in the list; a name of none is refused with those that there are', async () => {
  await open();
  await client.createKeyspace('users', { defaultTtlMs: 5_000 });
  await client.keyspace('users').put('k', '12345');
  const users = await client.describeKeyspace('users');
  expect(users).toMatchObject({ name: 'users', settings: { defaultTtlMs: 5_000 }, records: 1, bytes: 5 });
  expect((await client.keyspaces())[1]).toEqual(users);
  const error = await failureOf(client.describeKeyspace('usres'));
  expect(error).toMatchObject({ code: 'no-such-keyspace' });
  expect(error.message).toContain('default, users');
  expect(await failureOf(client.describeKeyspace('Users'))).toMatchObject({ code: 'invalid-argument' });
});

it('info that cannot be reached is told', async () => {
  await open();
  cluster.stopInfo();
  expect(await failureOf(client.createKeyspace('users', {}, { timeoutMs: 50 }))).toMatchObject({ code: 'unreachable' });
});

it('creating waits for the map until its deadline', async () => {
  await open();
  const pending = client.createKeyspace('users', {}, { timeoutMs: 50 });
  cluster.muted = true;
  expect(await failureOf(pending)).toMatchObject({ code: 'deadline' });
});

it('a change that info has made, or may have made, says so when the call fails', async () => {
  await open();
  await client.createKeyspace('users');
  cluster.muted = true;
  const late = await failureOf(client.dropKeyspace('users', { timeoutMs: 50 }));
  expect(late).toMatchObject({ code: 'deadline', outcomeUnknown: true });
  expect(cluster.topology.keyspaces.map(({ name }) => name)).toEqual(['default']);
  const created = await failureOf(client.createKeyspace('orders', {}, { timeoutMs: 50 }));
  expect(created).toMatchObject({ code: 'deadline', outcomeUnknown: true });
  const controller = new AbortController();
  const aborted = failureOf(client.createKeyspace('orders', {}, { signal: controller.signal }));
  setImmediate(() => controller.abort());
  expect(await aborted).toMatchObject({ code: 'aborted', outcomeUnknown: true });
  const unasked = client.createKeyspace('orders', {}, { signal: controller.signal });
  expect(await failureOf(unasked)).toMatchObject({ code: 'aborted', outcomeUnknown: false });
  cluster.stopInfo();
  expect(await failureOf(client.dropKeyspace('users'))).toMatchObject({ code: 'unreachable', outcomeUnknown: true });
  expect(await failureOf(client.describe())).toMatchObject({ code: 'unreachable', outcomeUnknown: false });
});

it('a keyspace that was dropped by a request whose answer was lost counts as dropped', async () => {
  await open();
  await client.createKeyspace('users');
  cluster.infoLosesAnswer = true;
  expect(await client.dropKeyspace('users')).toBe(true);
  expect(client.topology().keyspaces.map(({ name }) => name)).toEqual(['default']);
  cluster.infoLosesAnswer = true;
  expect(await client.dropKeyspace('users')).toBe(false);
});

it('an info that hangs is left for the next one when another info has said that there is a newer map', async () => {
  await open();
  cluster.muted = true;
  const created = await client.createKeyspace('users', {}, { timeoutMs: 20_000 });
  expect(created.name).toBe('users');
  expect(client.topology().keyspaces.map(({ name }) => name)).toContain('users');
});

it('a JSON keyspace takes and gives values of its type', async () => {
  await open();
  const users = client.keyspace<User>('default', { codec: 'json' });
  const ann: User = { name: 'Ann', age: 40 };
  await users.put('ann', ann, { metadata: { tier: 'gold' } });
  const found = await users.get('ann');
  expect(found?.value).toEqual(ann);
  expect(found).toMatchObject({
    key: 'ann',
    metadata: { tier: 'gold' },
    servedBy: { role: 'primary' },
    stalenessMs: 0,
  });
  expect(found?.token).toBe((await client.get('ann'))?.token);
  await users.mput([
    { key: 'a', value: { name: 'a', age: 1 } },
    { key: 'b', value: { name: 'b', age: 2 } },
  ]);
  expect((await users.mget(['a', 'none', 'b'])).map((each) => each?.value.age)).toEqual([1, undefined, 2]);
  expect((await users.getAndDelete('a'))?.value.name).toBe('a');
  expect(await users.putIfAbsent('b', ann)).toMatchObject({ applied: false });
  expect(await users.exists('a')).toBe(false);
});

it('texts and bytes have keyspaces of their own', async () => {
  await open();
  const texts = client.keyspace('default', { codec: 'text' });
  const bytes = client.keyspace('default', { codec: 'bytes' });
  await texts.put('k', '\ufeffgrün');
  expect((await texts.get('k'))?.value).toBe('\ufeffgrün');
  await bytes.put('k', new Uint8Array([0xff, 0]));
  expect([...((await bytes.get('k'))?.value ?? [])]).toEqual([0xff, 0]);
  expect(await failureOf(texts.get('k'))).toMatchObject({ code: 'value-invalid' });
});

it('the application may bring its own codec', async () => {
  await open();
  const dates = client.keyspace('default', {
    codec: {
      encode: (date: Date) => date.toISOString(),
      decode: (value) => new Date(Buffer.from(value).toString()),
    },
  });
  const date = new Date(86_400_000);
  await dates.put('k', date);
  expect((await dates.get('k'))?.value).toEqual(date);
});

it.each([true, false])('a schema checks what is written and what is read (asynchronous: %s)', async (answersLater) => {
  await open();
  const users = client.keyspace('default', { codec: 'json', schema: userSchema(answersLater) });
  await users.put('ann', { name: 'ANN', age: 40 });
  expect((await users.get('ann'))?.value).toEqual({ name: 'ann', age: 40 });
  await client.put('bad', '{"name":"x","age":"old"}');
  const failure = await failureOf(users.get('bad'));
  expect(failure).toMatchObject({ code: 'value-invalid' });
  expect(failure.message).toContain('"bad"');
  expect(failure.message).toContain('age: must be a number');
  const unnamed = JSON.parse('{"age":1}') as User;
  expect(await failureOf(users.put('worse', unnamed))).toMatchObject({ code: 'value-invalid' });
  expect(await client.exists('worse')).toBe(false);
});

it('a value that cannot be read is not removed by getAndDelete', async () => {
  await open();
  await client.put('k', 'no JSON');
  const users = client.keyspace<User>('default', { codec: 'json' });
  expect(await failureOf(users.getAndDelete('k'))).toMatchObject({ code: 'value-invalid' });
  expect(await client.exists('k')).toBe(true);
});

it('nothing of an mput is sent when one of its values is refused', async () => {
  await open();
  const values = client.keyspace<unknown>('default', { codec: 'json' });
  const entries = [
    { key: 'a', value: 1 },
    { key: 'b', value: undefined },
  ];
  expect(await failureOf(values.mput(entries))).toMatchObject({ code: 'value-invalid' });
  expect(await client.exists('a')).toBe(false);
});

it('the calls that carry no values are those of the keyspace of bytes', async () => {
  await open();
  const users = client.keyspace<unknown>('default', { codec: 'json' });
  expect((await users.increment('n', 3)).value).toBe(3n);
  expect((await users.append('t', 'ab')).length).toBe(2);
  expect(await users.expire('n', 60_000)).toMatchObject({ applied: true });
  expect(await users.persist('n')).toMatchObject({ expiresAtMs: undefined });
  expect(await users.ttl('n')).toBe('never');
  expect(await users.delete('n')).toMatchObject({ existed: true });
  expect(users.locate('n').keyspace).toBe('default');
});
