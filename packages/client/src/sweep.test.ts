import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver, until } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';

let client: OpenClient;
let cluster: FakeCluster;
let nowMs: number;
let repeated: Set<() => void>;

/** A client whose time stands still, and whose sweeps come when the test says so. */
async function open(): Promise<void> {
  cluster = new FakeCluster({ shards: 1, replicas: 1 });
  nowMs = 1_000_000;
  repeated = new Set();
  const every = (_intervalMs: number, task: () => void) => {
    repeated.add(task);
    return () => repeated.delete(task);
  };
  client = await openOver(cluster, { consistency: 'eventual' }, { ...systemEnvironment, nowMs: () => nowMs, every });
  await client.put('k', 'v');
  await client.get('k');
}

afterEach(() => client.close());

function sweepAfter(delayMs: number): void {
  nowMs += delayMs;
  for (const task of [...repeated]) task();
}

/** What sockets and tasks that are due have their turn in. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it('deadlines pass while each turn of the event loop is so long that every sweep is late', async () => {
  await open();
  cluster.node('s1-w').kill();
  let isEnded = false;
  const failure = failureOf(client.put('k', 'w', { timeoutMs: 200 })).finally(() => {
    isEnded = true;
  });
  sweepAfter(300);
  await nextTurn();
  expect(isEnded).toBe(false);
  sweepAfter(300);
  await until('the deadline has passed', () => isEnded);
  expect(await failure).toMatchObject({ code: 'unreachable', outcomeUnknown: false });
});

it('what waits for a time is sent again while every sweep is late', async () => {
  await open();
  let refusals = 1;
  cluster.node('s1-w').intercept = () =>
    refusals-- > 0 ? { kind: 'busy', cause: 'queue-operations', retryAfterMs: 20 } : undefined;
  const { received } = cluster.node('s1-w');
  received.length = 0;
  const write = client.put('k', 'w');
  await until('it is refused', () => refusals === 0);
  await nextTurn();
  sweepAfter(300);
  await until('it is sent again', () => received.length === 2);
  expect((await write).applied).toBe(true);
});

it('answers that the application kept from being read come before their deadlines, and blame no replica', async () => {
  await open();
  for (let holdUps = 0; holdUps < 2; holdUps += 1) {
    const write = client.put('k', 'w', { timeoutMs: 200 });
    const read = client.get('k', { timeoutMs: 200 });
    // The batches leave at the end of this turn.
    await new Promise((resolve) => process.nextTick(resolve));
    sweepAfter(5_000);
    expect((await write).applied).toBe(true);
    expect((await read)?.servedBy.node).toBe('s1-r1');
  }
});

it('a replica that stopped is left for another member while every sweep is late', async () => {
  await open();
  cluster.node('s1-r1').frozen = true;
  const { received } = cluster.node('s1-w');
  received.length = 0;
  const read = client.get('k', { timeoutMs: 60_000 });
  await nextTurn();
  for (let sweeps = 0; sweeps < 8; sweeps += 1) {
    sweepAfter(300);
    await nextTurn();
  }
  await until('the primary is asked', () => received.length > 0);
  expect((await read)?.servedBy.node).toBe('s1-w');
});
