import { randomUUID } from 'node:crypto';
import { Info, type InfoConfig, settings as infoSettings, MemoryStore, processSurroundings } from '@edis/info';
import { hostIdentity, parseSettings } from '@edis/process';
import { settings as readShardSettings } from '@edis/read-shard';
import { type MemberConfig, startMember } from '@edis/shard';
import { ephemeralEnvironment } from '@edis/store';
import { settings as writeShardSettings } from '@edis/write-shard';
import type { TestNodeParts } from './test-node.ts';

const MIB = 1024 * 1024;

/** Seven nodes share one heap here, and a test writes little. */
const cacheBytes = 16 * MIB;

/** A sync of memory costs nothing; that soon counters and indexes have what was written, read or not. */
const memorySyncMs = 10;

type Start = TestNodeParts['start'];

/** Settings are the defaults of the binaries: this process's environment is not theirs. */
const noEnvironment = Object.freeze({});

/** Info, whose map outlives it in memory. */
export function infoStarter(node: string, initialShards: number): Start {
  const store = new MemoryStore();
  const newCluster = randomUUID();
  const defaults = parseSettings(infoSettings, [], noEnvironment);
  return async (listen, logger) => {
    const config: InfoConfig = { ...defaults, node, listen, initialShards, ephemeral: true };
    const info = new Info(config, {
      store,
      logger,
      newNode: node,
      newCluster,
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
  };
}

/** A member of a shard, whose store outlives it in memory. */
export function memberStarter(
  role: 'write-shard' | 'read-shard',
  node: string,
  shard: string,
  info: () => string,
): Start {
  const memory = ephemeralEnvironment();
  const settings = role === 'write-shard' ? writeShardSettings : readShardSettings;
  const defaults = { replicationDelayMs: 0, ...parseSettings(settings, [], noEnvironment) };
  return (listen, logger) => {
    const config: MemberConfig = {
      ...defaults,
      node,
      listen,
      shard,
      info: [info()],
      ephemeral: true,
      cacheBytes,
      memorySyncMs,
      // All nodes take turns on one thread: one that stays awake would keep the others from answering.
      busyPollUs: 0,
    };
    return startMember(role, config, logger, memory);
  };
}
