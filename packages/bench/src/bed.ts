/**
 * What a section runs on: servers and drivers, started on demand and ended in the reverse order, whatever happens in
 * between. Everything that it keeps on disk is in one folder, which goes at the end.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '@edis/launcher';
import { startCluster } from '@edis/launcher';
import { binariesOf, driverOf } from './build.ts';
import { DriverProcess } from './driver-process.ts';
import { RedisCluster } from './redis-cluster.ts';
import { RedisServer } from './redis-server.ts';

const clusterReadyMs = 60_000;
const clusterStopMs = 20_000;

export class TestBed {
  readonly directory: string;
  readonly #endings: (() => Promise<void>)[] = [];
  #clusterCount = 0;
  #closed: Promise<void> | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(parent: string | undefined): Promise<TestBed> {
    const directory = await mkdtemp(join(parent ?? tmpdir(), 'edis-bench-'));
    const bed = new TestBed(directory);
    bed.#endings.push(() => rm(directory, { recursive: true, force: true }));
    return bed;
  }

  /** `build`: a checkout whose servers it starts instead of its own. */
  async startCluster(shards: number, replicas: number, build?: string): Promise<Cluster> {
    this.#clusterCount += 1;
    const dataDirectory = join(this.directory, `cluster-${this.#clusterCount}`);
    await mkdir(dataDirectory);
    const binaries = build === undefined ? undefined : binariesOf(build);
    const cluster = await startCluster({ shards, replicas, dataDirectory, infoPort: 0, binaries });
    await this.#atEnd(async () => {
      await cluster.stop(clusterStopMs);
      await rm(dataDirectory, { recursive: true, force: true });
    });
    await cluster.waitReady(clusterReadyMs);
    return cluster;
  }

  /** `build`: a checkout whose driver, hence whose client, it starts instead of its own. */
  async driveCluster(name: string, cluster: Cluster, clients = 1, build?: string): Promise<DriverProcess> {
    const file = build === undefined ? undefined : driverOf(build);
    return this.#keep(await DriverProcess.start(name, { kind: 'edis', info: cluster.info, clients }, file));
  }

  /** A Redis for each durability, and one driver for both. */
  async driveRedis(): Promise<DriverProcess> {
    const memory = await RedisServer.start(this.directory, 'everysec');
    await this.#atEnd(() => memory.stop());
    const disk = await RedisServer.start(this.directory, 'always');
    await this.#atEnd(() => disk.stop());
    return this.#keep(
      await DriverProcess.start('redis', { kind: 'redis', memoryPort: memory.port, diskPort: disk.port }),
    );
  }

  /** A Redis Cluster of three nodes for each durability, and one driver for both. */
  async driveRedisCluster(): Promise<DriverProcess> {
    const memory = await RedisCluster.start(this.directory, 'everysec');
    await this.#atEnd(() => memory.stop());
    const disk = await RedisCluster.start(this.directory, 'always');
    await this.#atEnd(() => disk.stop());
    return this.#keep(
      await DriverProcess.start('redis cluster', {
        kind: 'redis-cluster',
        memoryPort: memory.port,
        diskPort: disk.port,
      }),
    );
  }

  /** Ends what runs and keeps the folder for the next section; one that cannot be ended keeps none of the others. */
  async clear(): Promise<void> {
    const failures: unknown[] = [];
    while (this.#endings.length > 1) {
      try {
        await this.#endings.pop()?.();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `stopping failed: ${failures.map(String).join('; ')}`);
  }

  /** Safe to call at any time and more than once: an interruption and the end of the run may meet here. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.clear();
    } finally {
      await this.#endings.pop()?.();
    }
  }

  /** What was still starting when the bed was closed ends at once. */
  async #atEnd(ending: () => Promise<void>): Promise<void> {
    if (this.#closed === undefined) {
      this.#endings.push(ending);
      return;
    }
    await ending();
    throw new Error('the bench was interrupted');
  }

  async #keep(driver: DriverProcess): Promise<DriverProcess> {
    await this.#atEnd(() => driver.close());
    return driver;
  }
}
