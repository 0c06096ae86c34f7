import { EdisError, type Outcome } from '@edis/core';
import { afterEach, describe, expect, test } from 'vitest';
import { runBulk } from './bulk.ts';
import type { BulkCall } from './bulk-call.ts';
import { BulkGet } from './bulk-item.ts';
import { Countdown } from './call-context.ts';
import { failureOf, openOver, textOf, until } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeCluster } from './fake-cluster.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import type { OpenClient } from './open-client.ts';

const terms = { scope: new KeyspaceScope('default'), session: undefined, timeoutMs: 1000 };
const read = { consistency: 'eventual', maxStalenessMs: 0, token: undefined } as const;

function countdown(environment = systemEnvironment): Countdown {
  return new Countdown('mget', terms.timeoutMs, environment);
}

function gets(count: number): BulkGet[] {
  return Array.from({ length: count }, (_, index) => new BulkGet(`k${index}`, read));
}

function endAll(call: BulkCall): void {
  for (let left = call.items.length; left > 0; left -= 1) call.settle();
}

describe('of many operations', () => {
  test('only so many are unfinished at once, and what ends makes room for the next', async () => {
    const begun: BulkCall[] = [];
    const done = runBulk('gets', gets(10_000), terms, countdown(), (call) => begun.push(call));
    const unfinished = begun.reduce((sum, call) => sum + call.items.length, 0);
    expect(unfinished).toBeLessThan(5000);
    const [first] = begun;
    if (first !== undefined) endAll(first);
    await until('the next have begun', () => begun.length === 3);
    for (let index = 1; index < begun.length; index += 1) {
      const call = begun[index];
      if (call !== undefined) endAll(call);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect(begun.flatMap((call) => call.items.map(({ callerKey }) => callerKey))).toEqual(
      gets(10_000).map(({ callerKey }) => callerKey),
    );
    await runBulk('gets', [], terms, countdown(), () => expect.unreachable());
  });

  test('none are begun after a failure, and the error comes when all that were begun have ended', async () => {
    const begun: BulkCall[] = [];
    const failure = failureOf(runBulk('puts', gets(10_000), terms, countdown(), (call) => begun.push(call)));
    const [first, second] = begun;
    if (first === undefined || second === undefined) throw new Error('two calls are under way');
    first.fail(new EdisError('deadline', 'too late', { outcomeUnknown: true }));
    for (let index = 1; index < first.items.length; index += 1) first.settle();
    await new Promise((resolve) => setImmediate(resolve));
    endAll(second);
    const error = await failure;
    expect(begun.length).toBe(2);
    expect(error).toMatchObject({ code: 'deadline', outcomeUnknown: true });
    expect(error.message).toContain(`${first.items.length + second.items.length - 1} of 10000 puts were done`);
  });
});

test('one deadline holds for all of a bulk, however many there are', async () => {
  let nowMs = 0;
  const begun: BulkCall[] = [];
  const environment = { ...systemEnvironment, nowMs: () => nowMs };
  const failure = failureOf(runBulk('gets', gets(10_000), terms, countdown(environment), (call) => begun.push(call)));
  expect(begun.map(({ timeoutMs }) => timeoutMs)).toEqual([1000, 1000]);
  nowMs = 700.5;
  for (const call of begun.splice(0, 1)) endAll(call);
  await until('the next have begun', () => begun.length === 2);
  expect(begun[1]).toMatchObject({ timeoutMs: 300, terms: { timeoutMs: 1000 } });
  nowMs = 1000;
  for (const call of begun) endAll(call);
  expect(await failure).toMatchObject({
    code: 'deadline',
    outcomeUnknown: false,
    message: '6144 of 10000 gets were done; first error: mget did not come to its end within 1000 ms',
  });
  expect(begun).toHaveLength(2);
});

describe('an operation of a bulk that meets with trouble goes on like one of its own:', () => {
  const opened: OpenClient[] = [];
  const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
  const entries = keys.map((key) => ({ key, value: `v:${key}` }));

  afterEach(async () => {
    for (const client of opened.splice(0)) await client.close();
  });

  async function open(replicas = 0): Promise<{ cluster: FakeCluster; client: OpenClient }> {
    const cluster = new FakeCluster({ shards: 3, replicas });
    const client = await openOver(cluster);
    opened.push(client);
    return { cluster, client };
  }

  /** Whether everything is there, each written once. */
  async function expectWritten(client: OpenClient, cluster: FakeCluster): Promise<void> {
    const found = await client.mget(keys, { consistency: 'strong' });
    expect(found.map((each) => textOf(each?.value))).toEqual(entries.map(({ value }) => value));
    expect(cluster.shards.reduce((sum, shard) => sum + shard.writeCount, 0)).toBe(keys.length);
  }

  test('one that is refused as busy is sent again after the time that it was told', async () => {
    const { cluster, client } = await open();
    let refused = 0;
    cluster.node('s2-w').intercept = (): Outcome | undefined => {
      refused += 1;
      return refused <= 5 ? { kind: 'busy', cause: 'queue-operations', retryAfterMs: 10 } : undefined;
    };
    const results = await client.mput(entries);
    expect(results.map(({ key }) => key)).toEqual(keys);
    await expectWritten(client, cluster);
  });

  test('those of a key that moved find its new owner', async () => {
    const { cluster, client } = await open();
    await client.put('first', 'x');
    cluster.giveAllTo('s1', false);
    for (const name of ['s2-w', 's3-w']) {
      cluster.node(name).intercept = () => ({ kind: 'wrong-shard', topology: cluster.topology });
    }
    const results = await client.mput(entries);
    expect(new Set(results.map(({ shard }) => shard))).toEqual(new Set(['s1']));
  });

  test('those whose answer is lost are repeated under their own ids, and done once', async () => {
    const { cluster, client } = await open();
    await client.mget(keys);
    const node = cluster.node('s1-w');
    node.losesAnswer = true;
    const writing = client.mput(entries);
    await until('it is down', () => !node.up);
    node.restart();
    await writing;
    await expectWritten(client, cluster);
    const sent = node.operations.filter((operation) => operation.kind === 'put');
    const first = sent.find(({ firstSentTimestamp }) => firstSentTimestamp === 0);
    const again = sent.find((put) => put.key === first?.key && put.firstSentTimestamp !== 0);
    expect(again?.sequence).toBe(first?.sequence);
  });

  test('one that is answered as no put can be may have been done', async () => {
    const { cluster, client } = await open();
    cluster.node('s2-w').intercept = () => ({ kind: 'condition-failed', version: 1, position: 1 });
    expect(await failureOf(client.mput(entries))).toMatchObject({ code: 'protocol', outcomeUnknown: true });
  });

  test('those that find nobody wait for somebody', async () => {
    const { cluster, client } = await open();
    cluster.node('s3-w').up = false;
    const writing = client.mput(entries, { timeoutMs: 5000 });
    await until('the others are done', () => cluster.shard(1).writeCount + cluster.shard(2).writeCount > 30);
    cluster.node('s3-w').restart();
    await writing;
    await expectWritten(client, cluster);
  });

  test('at their deadline and at the signal of their caller all of them end, and say what is unknown', async () => {
    const { cluster, client } = await open();
    await client.mput(entries);
    cluster.node('s1-w').intercept = () => 'drop';
    const late = await failureOf(client.mput(entries, { timeoutMs: 60 }));
    expect(late).toMatchObject({ code: 'deadline', outcomeUnknown: true });
    expect(late.message).toMatch(/^\d+ of 60 puts were done; first error: put failed after 60 ms/);
    expect(await failureOf(client.mget(keys, { timeoutMs: 60 }))).toMatchObject({
      code: 'deadline',
      outcomeUnknown: false,
    });
    const controller = new AbortController();
    const aborted = failureOf(client.mput(entries, { signal: controller.signal }));
    setImmediate(() => controller.abort());
    expect(await aborted).toMatchObject({ code: 'aborted' });
    expect(await failureOf(client.mput(entries, { signal: controller.signal }))).toMatchObject({
      code: 'aborted',
      outcomeUnknown: false,
    });
    const closed = failureOf(client.mget(keys));
    await client.close();
    expect(await closed).toMatchObject({ code: 'closed' });
    expect(await failureOf(client.mget(keys))).toMatchObject({ code: 'closed' });
  });

  test('reads of a shard go to one of its replicas, whose trouble sends them on', async () => {
    const { cluster, client } = await open(2);
    await client.mput(entries);
    await client.mget(keys, { consistency: 'eventual' });
    for (const node of cluster.nodes) node.received.length = 0;
    await client.mget(keys, { consistency: 'eventual' });
    expect(cluster.nodes.filter((node) => node.received.length > 0)).toHaveLength(3);
    for (const name of ['s1-r1', 's1-r2']) cluster.node(name).applied = { epoch: 1, position: 0 };
    const found = await client.mget(keys);
    expect(found.map((each) => textOf(each?.value))).toEqual(entries.map(({ value }) => value));
  });
});
