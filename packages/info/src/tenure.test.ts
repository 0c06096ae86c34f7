import type { ClusterState, InfoMessage, NodeMessage, Prepare, Timers } from '@edis/core';
import { createLogger } from '@edis/process';
import type { MessageStream, StreamListener } from '@edis/rpc';
import { expect, test } from 'vitest';
import { MemoryStore } from './store.ts';
import { Tenure } from './tenure.ts';

const tickMs = 50;
const deadAfterMs = 3000;
const rollCallMs = 30_000;
const zero = { epoch: 0, position: 0 };
const idle = { lastEntry: zero, applied: zero, lagEntries: 0, lagMs: 0, recordCount: 0, operationsPerSecond: 0 };

/** A node's session with an info whose clock the test moves. */
class NodeStream implements MessageStream<InfoMessage, NodeMessage> {
  readonly peer = 'test';
  closed = false;
  readonly heard: InfoMessage[] = [];
  #listener: StreamListener<NodeMessage> | undefined;

  listen(listener: StreamListener<NodeMessage>): void {
    this.#listener = listener;
  }

  send(message: InfoMessage): boolean {
    this.heard.push(message);
    return true;
  }

  end(): void {
    this.cancel();
  }

  cancel(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(undefined);
  }

  pause(): void {}

  resume(): void {}

  say(message: NodeMessage): void {
    this.#listener?.onMessage(message);
  }

  get epoch(): number {
    return this.heard.findLast((message) => message.kind === 'configuration')?.configuration.epoch ?? 0;
  }

  get asked(): Prepare | undefined {
    return this.heard.findLast((message) => message.kind === 'prepare')?.prepare;
  }
}

class Bed {
  clockMs = 0;
  tick: () => void = () => {};
  readonly tenure: Tenure;
  readonly store: MemoryStore;

  constructor(forget: readonly string[] = [], store = new MemoryStore(), state?: ClusterState) {
    this.store = store;
    const timers: Timers = {
      after: () => () => {},
      every: (_intervalMs, run) => {
        this.tick = run;
        return () => {};
      },
    };
    this.tenure = new Tenure({
      options: {
        initialShards: 1,
        reportMs: 500,
        deadAfterMs,
        leaseMs: 2000,
        rollCallMs,
        fencing: 0,
        self: { node: 'info', endpoints: [], host: '', pid: 1 },
        newCluster: 'cluster-1',
        state,
      },
      store,
      forget,
      logger: createLogger({ name: 'test', level: 'silent' }),
      timers,
      nowMs: () => this.clockMs,
      onBegun: () => {},
      onStep: () => {},
      onFailed: (error) => expect.unreachable(error.message),
    });
  }

  async join(node: string, role: 'write-shard' | 'read-shard', incarnation = 1): Promise<NodeStream> {
    const stream = new NodeStream();
    this.tenure.session(stream);
    const endpoints = [{ network: '', address: `${node}:1` }];
    const known = { cluster: '', shard: '', seenEpoch: 0, promisedEpoch: 0, lastEntry: zero, host: '', pid: 0 };
    const registration = { node, role, store: `store-${node}`, endpoints, incarnation, ...known };
    stream.say({ kind: 'register', registration });
    await this.tenure.idle();
    return stream;
  }

  /** The clock goes on, and info ticks all the time. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.clockMs + ms; this.clockMs < endMs; ) {
      this.clockMs += tickMs;
      this.tick();
    }
    await this.tenure.idle();
  }

  /** The clock goes on while the process is stopped: its first look is at the clock. */
  async standStill(ms: number): Promise<void> {
    this.clockMs += ms - tickMs;
    await this.pass(tickMs);
  }
}

async function pair(): Promise<{ bed: Bed; w1: NodeStream; r1: NodeStream }> {
  const bed = new Bed();
  await bed.tenure.begin();
  const w1 = await bed.join('w1', 'write-shard');
  const r1 = await bed.join('r1', 'read-shard');
  w1.say({ kind: 'propose', proposal: { epoch: w1.epoch, change: 'add', store: 'store-r1' } });
  await bed.tenure.idle();
  return { bed, w1, r1 };
}

test.each([60_000, 0.9 * deadAfterMs])(
  'an info that stood still for %i ms takes nobody for dead before it has listened',
  async (ms) => {
    const { bed, w1, r1 } = await pair();
    await bed.pass(deadAfterMs / 2);
    await bed.standStill(ms);
    expect([bed.tenure.waitsFor(), w1.asked, r1.asked]).toEqual([[], undefined, undefined]);
    await bed.pass(deadAfterMs);
    expect(bed.tenure.waitsFor()).toEqual([expect.stringContaining('w1')]);
  },
);

test('an info that stood still waits in a roll call for as long as if it had not', async () => {
  const { bed, w1, r1 } = await pair();
  w1.cancel();
  await bed.pass(tickMs);
  const epoch = r1.asked?.epoch ?? 0;
  const lastEntry = { epoch: 1, position: 5 };
  // It was started anew since it last granted a lease, and so was the primary, which is about to return.
  r1.say({ kind: 'promise', answer: { kind: 'promised', promisedEpoch: epoch, lastEntry, witness: false } });
  await bed.pass(1000);
  await bed.standStill(2 * rollCallMs);
  expect(bed.tenure.waitsFor()).toEqual([expect.stringContaining('all restarted')]);
  const back = await bed.join('w1', 'write-shard', 2);
  expect(back.asked?.preferred).toBe('store-w1');
  expect(r1.epoch).toBeLessThan(epoch);
});

test('a replica that never comes back is forgotten at the start, and one that counts is not', async () => {
  const { bed, w1, r1 } = await pair();
  r1.say({ kind: 'report', report: { ...idle, serving: true } });
  r1.cancel();
  await bed.tenure.idle();
  const before = await bed.store.load();
  expect(before?.records[0]).toMatchObject({ configuredSize: 2, members: ['store-w1', 'store-r1'] });
  const early = new Bed(['r1'], bed.store, before);
  await early.tenure.begin();
  expect((await bed.store.load())?.records[0]?.incarnations).toHaveLength(2);
  w1.say({ kind: 'propose', proposal: { epoch: w1.epoch, change: 'remove', store: 'store-r1' } });
  await bed.tenure.idle();
  const late = new Bed(['r1', 'r7'], bed.store, await bed.store.load());
  await late.tenure.begin();
  expect((await bed.store.load())?.records[0]).toMatchObject({ configuredSize: 1, members: ['store-w1'] });
  // Another one with its name joins, and is away when an info begins which is told the same.
  const r1Again = await late.join('r1', 'read-shard', 2);
  r1Again.say({ kind: 'report', report: { ...idle, serving: true } });
  r1Again.cancel();
  await late.tenure.idle();
  await new Bed(['r1', 'r7'], bed.store, await bed.store.load()).tenure.begin();
  expect((await bed.store.load())?.records[0]).toMatchObject({ configuredSize: 2, members: ['store-w1'] });
});
