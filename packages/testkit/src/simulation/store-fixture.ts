import { Store } from '@edis/store';
import { SimulatedWorld } from './simulated-world.ts';

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
