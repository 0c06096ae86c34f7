import type { EdisError, SnapshotRequest, SnapshotResponse } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { Store } from '@edis/store';
import { describe, expect, it } from 'vitest';
import type { FaultKind } from './fault.ts';
import { faultKinds, planFaults } from './fault-plan.ts';
import { FaultRunner } from './fault-runner.ts';
import type { Incarnation } from './incarnation.ts';
import type { RunningProgram } from './simulated-process.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { entryOf, putOf } from './store-fakes.ts';

const names = ['m1', 'm2', 'm3', 'm4'];
const safetyMs = 8_000;

/** A process that writes to a store of its own, and now and then asks another one how far that is. */
function gossip(world: SimulatedWorld): (life: Incarnation) => Promise<RunningProgram> {
  return async (life) => {
    const { name } = life.process;
    const store = await Store.open({
      directory: 'data',
      environment: life.process.disk.environmentOf(life),
      newStoreId: () => life.newId(),
      cacheBytes: 100_000,
    });
    const network = world.networkOf(life);
    const unused = (): never => {
      throw new Error('this handler is not called');
    };
    const snapshot = (stream: MessageStream<SnapshotResponse, SnapshotRequest>): void =>
      stream.listen({
        onMessage: () => stream.send({ kind: 'end', rowCount: store.lastEntry.position }),
        onClose: () => {},
      });
    await network.serve({ listen: '0.0.0.0:7410', replication: { snapshot, follow: unused, beacon: unused } }).start();
    const failed = new Promise<EdisError>((resolve) => {
      store.onFailed(resolve);
    });
    life.timers.every(50, () => {
      if (store.failure !== undefined) return;
      const position = store.lastEntry.position + 1;
      try {
        store.append(entryOf(position, [putOf(`key-${position % 10}`, life.newId())]));
      } catch {
        // The store has told why it failed, which ends the process.
      }
      if (life.random() < 0.3) store.requestSync();
    });
    life.timers.every(150, () => {
      const other = names[Math.floor(life.random() * names.length)] ?? '';
      const channel = network.dial(`${other}:7410`);
      const stream = channel.snapshot();
      stream.listen({
        onMessage: (message) => {
          world.note(name, `${other} is at ${JSON.stringify(message)}, ${life.wallMs().toFixed(3)}`);
          channel.close();
        },
        onClose: (error) => {
          world.note(name, `${other}: ${error?.message}`);
          channel.close();
        },
      });
      stream.send({ kind: 'grant', pages: 1 });
    });
    return { failed };
  };
}

async function run(seed: number, kinds: readonly FaultKind[] = faultKinds): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({ seed, traceLines: 1_000_000 });
  for (const name of names) world.add(name, gossip(world)).start();
  const plan = planFaults({ seed, processes: names, safetyMs, leaseMs: 1000, fromMs: 500, kinds });
  const runner = new FaultRunner(world);
  runner.begin(plan);
  await world.time.run(safetyMs);
  runner.stop();
  await world.time.run(safetyMs + 3000);
  return world;
}

describe('a simulated world', () => {
  it('goes the same way twice, line by line, whatever else the machine does meanwhile', async () => {
    for (let seed = 0; seed < 3; seed++) {
      const first = await run(seed);
      const noise = setInterval(() => setImmediate(() => {}), 1);
      const second = await run(seed);
      clearInterval(noise);
      expect(second.trace.toString() === first.trace.toString()).toBe(true);
      expect(second.trace.digest).toBe(first.trace.digest);
      expect(first.trace.count).toBeGreaterThan(1000);
    }
  });

  it('goes another way for another seed', async () => {
    const digests = new Set<string>();
    for (let seed = 20; seed < 23; seed++) digests.add((await run(seed)).trace.digest);
    expect(digests.size).toBe(3);
  });

  it.each(faultKinds)('is whole again when it has healed from every %s: all run, and all reach all', async (kind) => {
    const world = await run(30, [kind]);
    expect(world.trace.lines().filter((line) => line.includes(` fault `)).length).toBeGreaterThan(0);
    expect([...world.processes.values()].map(({ state }) => state)).toEqual(names.map(() => 'running'));
    const told = world.trace.lines().filter((line) => line.includes(' is at ') && Number(line.slice(0, 12)) > safetyMs);
    expect(new Set(told.map((line) => line.slice(13, 15))).size).toBe(names.length);
    expect(world.uncaught).toEqual([]);
  });
});
