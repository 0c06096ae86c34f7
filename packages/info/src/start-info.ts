import { randomUUID } from 'node:crypto';
import { EdisError } from '@edis/core';
import type { Logger, RunningRole } from '@edis/process';
import { hostIdentity, makeNodeName } from '@edis/process';
import type { InfoConfig } from './config.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { etcdSettings } from './etcd-settings.ts';
import { EtcdStore } from './etcd-store.ts';
import { Info } from './info.ts';
import { processSurroundings } from './process-surroundings.ts';
import type { InfoStore } from './store.ts';
import { MemoryStore } from './store.ts';

async function openStore(config: InfoConfig, logger: Logger): Promise<InfoStore> {
  const etcd = etcdSettings(config);
  if (etcd !== undefined) return new EtcdStore(etcd, logger);
  if (config.ephemeral) return new MemoryStore(config.fencing);
  if (config.data === undefined) {
    throw new EdisError(
      'usage',
      'where to keep the topology? give --data DIR, or --ephemeral to keep it in memory only',
    );
  }
  return EmbeddedStore.open(config.data, config.fencing);
}

/** Opens the store and starts info on it: what the binary does. */
export async function startInfo(config: InfoConfig, logger: Logger): Promise<RunningRole> {
  const info = new Info(config, {
    store: await openStore(config, logger),
    logger,
    newNode: makeNodeName('info'),
    newCluster: randomUUID(),
    host: hostIdentity(),
    pid: process.pid,
    ...processSurroundings,
  });
  try {
    await info.start();
  } catch (caught) {
    await info.close();
    throw caught;
  }
  return info;
}
