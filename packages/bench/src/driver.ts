/**
 * The load generator: one Node process per target, so that neither client library shares its event loop with the other
 * or with the bench. Started by DriverProcess over an IPC channel; ends when the channel does.
 */

import { unreachable } from '@edis/core';
import { parseTargetAddress, parseWork } from './driver-message.ts';
import { FeedWatch, markKey } from './feed-watch.ts';
import { recordsOf, runLoad, runLoop, runScan, runSearch } from './loop.ts';
import { InsertCounter, runMix } from './mix.ts';
import { runPaced } from './paced-loop.ts';
import type { Target } from './target.ts';
import type { DriverMessage, FeedWork, Measurement, Order, TargetAddress } from './work.ts';

/** One per client; a driver of another store than Edis has one. */
async function openTargets(address: TargetAddress): Promise<readonly Target[]> {
  // Imported on demand: a driver carries only the client library that it measures.
  if (address.kind === 'edis') {
    const { EdisTarget } = await import('./edis-target.ts');
    return Promise.all(Array.from({ length: address.clients }, () => EdisTarget.open(address.info)));
  }
  const { RedisTarget } = await import('./redis-target.ts');
  const ports = { memory: address.memoryPort, disk: address.diskPort };
  return [address.kind === 'redis' ? RedisTarget.toServers(ports) : RedisTarget.toClusters(ports)];
}

function say(message: DriverMessage): void {
  process.send?.(message);
}

const textOf = (caught: unknown): string => (caught instanceof Error ? caught.message : String(caught));

const nothing: Measurement = { operations: 0, opsPerSecond: 0, p50Ms: 0, p99Ms: 0 };

/** Carries out orders, one after the other, and keeps what a later one needs of an earlier one. */
class Driver {
  readonly #targets: readonly Target[];
  readonly #target: Target;
  #runs = 0;
  #inserts: InsertCounter | undefined;
  #feed: FeedWatch | undefined;

  constructor(targets: readonly Target[]) {
    const [target] = targets;
    if (target === undefined) throw new Error('a driver needs at least one client');
    this.#targets = targets;
    this.#target = target;
  }

  async run(order: Order): Promise<Measurement> {
    this.#runs += 1;
    const seed = this.#runs * 104_729;
    switch (order.kind) {
      case 'load':
        return runLoad(this.#target, order);
      case 'loop':
        return runLoop(this.#target, order, seed);
      case 'mix':
        this.#inserts ??= new InsertCounter(order.keys);
        return runMix(this.#target, order, seed, this.#inserts);
      case 'paced':
        return runPaced(this.#targets, order, seed);
      case 'scan':
        return runScan(this.#target, order.keys);
      case 'search':
        return runSearch(this.#target, order, seed);
      case 'feed':
        return this.#runFeed(order);
      case 'settle':
        await this.#target.settle();
        return nothing;
    }
    return unreachable(order);
  }

  async close(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.close()));
  }

  async #runFeed({ act }: FeedWork): Promise<Measurement> {
    if (act === 'mark') await this.#target.put(markKey, '', 'memory');
    if (act === 'begin') this.#feed = await FeedWatch.begin(recordsOf(this.#target));
    if (act !== 'end' || this.#feed === undefined) return nothing;
    return this.#feed.end();
  }
}

async function answer(driver: Driver, message: unknown): Promise<void> {
  const work = parseWork(message);
  if (work.kind === 'close') {
    await driver.close();
    process.disconnect();
    return;
  }
  say({ kind: 'done', measurement: await driver.run(work) });
}

process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the bench tells its drivers when to end.
process.on('SIGINT', () => undefined);

try {
  const driver = new Driver(await openTargets(parseTargetAddress(process.argv.slice(2))));
  process.on('message', (message) => {
    answer(driver, message).catch((error: unknown) => say({ kind: 'failed', message: textOf(error) }));
  });
  say({ kind: 'ready' });
} catch (error) {
  say({ kind: 'failed', message: textOf(error) });
}
