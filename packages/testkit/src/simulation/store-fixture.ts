import type { LoggedOperation } from '@edis/store';
import { Store } from '@edis/store';
import { SimulatedWorld } from './simulated-world.ts';
import { putOf } from './store-fakes.ts';

/** Empty stores, each on a disk of its own. */
export async function openStores(names: readonly string[]): Promise<Store[]> {
  const world = new SimulatedWorld({ seed: 1 });
  const opened: Store[] = [];
  for (const name of names) {
    const process = world.add(name, async (life) => {
      const environment = life.process.disk.environmentOf(life);
      opened.push(await Store.open({ directory: 'data', environment, newStoreId: () => name, cacheBytes: 1000 }));
      return {};
    });
    process.start();
  }
  await world.time.run(1000);
  return opened;
}

/** What opens an epoch. */
export function openOf(): LoggedOperation {
  return putOf('', '', { kind: 'open', keyspace: 0, slot: 0 });
}
