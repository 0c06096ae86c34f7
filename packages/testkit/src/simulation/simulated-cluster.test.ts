import { afterEach, describe, expect, test, vi } from 'vitest';
import { shapeOf } from './scenario-shape.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { StoreObserver } from './store-observer.ts';

const seed = 1;
/** By then a cluster without faults has a primary that acts. */
const formedMs = 10_000;
const { leaseMs } = shapeOf(seed);
/** By then a group has removed a member that is silent. */
const goneMs = 60_000;

/** Rules that a cluster without faults broke in its first seconds, and who broke them. */
async function formed(): Promise<string[]> {
  const world = new SimulatedWorld({ seed });
  const shape = { ...shapeOf(seed), members: 3 };
  const cluster = new SimulatedCluster({ world, shape, timeoutMs: formedMs });
  cluster.start();
  await world.time.run(formedMs, { until: () => cluster.breaches.length > 0 });
  return cluster.breaches.map(({ rule, what }) => `${rule}: ${what}`);
}

/** A cluster of so many members, all of them level. */
async function levelCluster(members: number): Promise<{ world: SimulatedWorld; cluster: SimulatedCluster }> {
  const world = new SimulatedWorld({ seed });
  const shape = { ...shapeOf(seed), members, lateMembers: 0 };
  const cluster = new SimulatedCluster({ world, shape, timeoutMs: formedMs });
  cluster.start();
  expect(await world.time.run(formedMs, { until: () => cluster.configuredSize === members && cluster.isLevel })).toBe(
    true,
  );
  return { world, cluster };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a simulated cluster', () => {
  test('breaks no rule while it forms', async () => {
    expect(await formed()).toEqual([]);
  });

  test('has its primary watched: what that takes for safe must be on a quorum', async () => {
    vi.spyOn(StoreObserver.prototype, 'hasSynced').mockReturnValue(false);
    expect(await formed()).toEqual([expect.stringMatching(/^a quorum has it: m1 takes for safe /)]);
  });

  test.each([
    ['in order', 'm4', leaseMs],
    ['in order, the primary', 'm1', leaseMs],
    ['without a word', 'm4', undefined],
    ['without a word, the primary', 'm1', undefined],
  ])(
    'goes on without a member that leaves for good %s, and is one smaller once that is forgotten',
    async (_how, name, withinMs) => {
      const { world, cluster } = await levelCluster(4);
      cluster.leave(name, withinMs);
      const { time } = world;
      const isGone = (): boolean => !cluster.counts(name) && cluster.isLevel;
      expect(await time.run(time.nowMs + goneMs, { until: isGone })).toBe(true);
      expect(cluster.configuredSize).toBe(4);
      cluster.forgetGone(leaseMs, leaseMs);
      expect(await time.run(time.nowMs + goneMs, { until: () => cluster.configuredSize === 3 })).toBe(true);
      expect([cluster.breaches, cluster.stores.has(name), cluster.lostLogs.length]).toEqual([[], false, 1]);
    },
  );

  test('lets nobody leave whom the group can not spare', async () => {
    const { cluster } = await levelCluster(2);
    cluster.leave('m1');
    cluster.leave('m2');
    expect([...cluster.stores.keys()].toSorted()).toEqual(['m1', 'm2']);
  });
});
