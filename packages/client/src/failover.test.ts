import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver, textOf, until } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeCluster } from './fake-cluster.ts';
import { openClient } from './open.ts';
import type { OpenClient } from './open-client.ts';
import { resolveOptions } from './options.ts';

let client: OpenClient;
let cluster: FakeCluster;

async function open(): Promise<void> {
  cluster = new FakeCluster({ shards: 1, replicas: 2 });
  client = await openOver(cluster, { timeoutMs: 10_000 });
}

afterEach(() => client.close());

function sequencesAt(node: string): number[] {
  return cluster.node(node).operations.flatMap((operation) => ('sequence' in operation ? [operation.sequence] : []));
}

it('what a stopped primary leaves unanswered is asked of its successor under the same operation id', async () => {
  await open();
  await client.put('k', '0');
  const stopped = cluster.node('s1-w');
  stopped.frozen = true;
  const write = client.put('k', '1');
  const read = client.get('k', { consistency: 'strong' });
  await until('both are at the stopped node', () => stopped.operations.length === 3);
  cluster.promote('s1-r1');
  expect((await write).applied).toBe(true);
  expect(textOf((await read)?.value)).toMatch(/[01]/);
  expect(sequencesAt('s1-r1')).toEqual(sequencesAt('s1-w').slice(-1));
  expect(textOf((await client.get('k', { consistency: 'strong' }))?.value)).toBe('1');
});

it('a write that the former primary had carried out is not carried out again', async () => {
  await open();
  const former = cluster.node('s1-w');
  former.intercept = (operation, request) => {
    // It reaches the shard's log, and its answer reaches nobody.
    if (operation.kind === 'increment') former.shard.write(operation, request.client, true);
    return 'drop';
  };
  const write = client.increment('n');
  await until('it is carried out', () => former.operations.length === 1);
  cluster.promote('s1-r1');
  expect((await write).value).toBe(1n);
  expect(cluster.shard(1).writeCount).toBe(1);
});

it('what a new primary refuses while it opens its epoch is sent again when it says that it is active', async () => {
  cluster = new FakeCluster({ shards: 1, replicas: 2 });
  let refusals = 0;
  const config = resolveOptions({ info: cluster.info, timeoutMs: 10_000 });
  // Nothing is repeated after a time that this test lives to see; still longer ones would be cut to a millisecond.
  const environment = { ...systemEnvironment, random: () => 10_000 };
  client = await openClient(config, undefined, cluster.transport, environment);
  await client.get('k', { consistency: 'strong' });
  const next = cluster.node('s1-r1');
  next.intercept = ({ kind }) => {
    if (kind !== 'put') return undefined;
    refusals += 1;
    return { kind: 'not-primary', epoch: 2 };
  };
  cluster.promote('s1-r1');
  const writes = Array.from({ length: 5 }, (_, index) => client.put(`k${index}`, 'v'));
  await until('all are refused', () => refusals === 5);
  next.intercept = undefined;
  next.greet();
  for (const write of writes) expect((await write).applied).toBe(true);
});

it('a former primary that is well serves reads again', async () => {
  await open();
  await client.put('k', 'v');
  cluster.promote('s1-r1');
  const readers = new Set<string>();
  for (let reads = 0; readers.size < 2 && reads < 10_000; reads += 1) {
    readers.add((await client.get('k', { consistency: 'eventual' }))?.servedBy.node ?? '');
  }
  expect([...readers].sort()).toEqual(['s1-r2', 's1-w']);
});

it('promote resolves when the map names the new primary, and at once for the one that leads already', async () => {
  await open();
  expect(await client.promote('s1', { node: 's1-r2' })).toMatchObject({
    shard: 's1',
    primary: 's1-r2',
    formerPrimary: 's1-w',
    epoch: 2,
  });
  expect(client.topology().shards[0]?.primary).toBe('store-s1-r2');
  expect(await client.promote('s1', { node: 's1-r2' })).toMatchObject({ primary: 's1-r2', formerPrimary: 's1-r2' });
  expect((await client.promote('s1')).primary).not.toBe('s1-r2');
});

it('a promotion that info has taken on, or may have, says so when the call fails', async () => {
  cluster = new FakeCluster({ shards: 1, replicas: 1 });
  client = await openOver(cluster, { info: [cluster.info, cluster.nextInfo] });
  cluster.infoLosesAnswer = true;
  expect(await client.promote('s1', { node: 's1-r1' })).toMatchObject({ primary: 's1-r1', formerPrimary: 's1-w' });
  cluster.changeMember('s1-w', { alive: false });
  await until('the map says so', () => client.topology().shards[0]?.members[0]?.alive === false);
  expect(await failureOf(client.promote('s1'))).toMatchObject({ code: 'unreachable', outcomeUnknown: false });
  cluster.infoLosesAnswer = true;
  expect(await failureOf(client.promote('s1'))).toMatchObject({ code: 'unreachable', outcomeUnknown: true });
  // Who leads already is given nothing, so that nothing is unknown when the map is late.
  const shards = cluster.topology.shards.map((shard) => ({ ...shard, primary: 'store-s1-w' }));
  cluster.change({ shards }, false);
  const leading = failureOf(client.promote('s1', { node: 's1-w', timeoutMs: 50 }));
  expect(await leading).toMatchObject({ code: 'deadline', outcomeUnknown: false });
  cluster.stopInfo();
  expect(await failureOf(client.promote('s1'))).toMatchObject({ code: 'unreachable', outcomeUnknown: true });
});

it('promote of what is not there is refused', async () => {
  await open();
  expect(await failureOf(client.promote('s9'))).toMatchObject({ code: 'invalid-argument' });
  cluster.changeMember('s1-w', { alive: false });
  await until('the map says so', () => client.topology().shards[0]?.members[0]?.alive === false);
  const leading = await failureOf(client.promote('s1', { node: 's1-w' }));
  expect(leading).toMatchObject({ code: 'unreachable', message: 's1-w leads s1 already, but is down' });
  for (const node of ['s1-r1', 's1-r2']) cluster.changeMember(node, { alive: false });
  expect(await failureOf(client.promote('s1'))).toMatchObject({ code: 'unreachable' });
});
