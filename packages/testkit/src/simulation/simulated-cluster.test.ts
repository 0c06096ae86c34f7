import { afterEach, describe, expect, test, vi } from 'vitest';
import { shapeOf } from './scenario-shape.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { StoreObserver } from './store-observer.ts';

const seed = 1;
/** By then a cluster without faults has a primary that acts. */
const formedMs = 10_000;

/** Rules that a cluster without faults broke in its first seconds, and who broke them. */
async function formed(): Promise<string[]> {
  const world = new SimulatedWorld({ seed });
  const shape = { ...shapeOf(seed), members: 3 };
  const cluster = new SimulatedCluster({ world, shape, timeoutMs: formedMs });
  cluster.start();
  await world.time.run(formedMs, { until: () => cluster.breaches.length > 0 });
  return cluster.breaches.map(({ rule, what }) => `${rule}: ${what}`);
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
});
