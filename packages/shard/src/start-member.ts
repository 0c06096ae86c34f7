import { randomInt, randomUUID } from 'node:crypto';
import type { NodeRole } from '@edis/core';
import { EdisError } from '@edis/core';
import type { Logger, RunningRole } from '@edis/process';
import { continuousClock, hostIdentity, makeNodeName, realTimers } from '@edis/process';
import { grpcNetwork } from '@edis/rpc';
import type { StoreEnvironment } from '@edis/store';
import { diskEnvironment, ephemeralEnvironment, ephemeralStoreSettings, Store } from '@edis/store';
import { makeDataDirectory } from '@edis/store/make-data-directory';
import { Member } from './member.ts';
import type { MemberConfig } from './member-config.ts';

/** Above that the number would not be exact on the wire's way through JavaScript. */
const maxIncarnation = 2 ** 47;

/**
 * Opens the data directory and starts a member on it: what the two binaries do.
 *
 * @param memory what an ephemeral member keeps its data in; one that is started again with it finds them there
 */
export async function startMember(
  role: NodeRole,
  config: MemberConfig,
  logger: Logger,
  memory?: StoreEnvironment,
): Promise<RunningRole> {
  if (config.data === undefined && !config.ephemeral) {
    throw new EdisError('usage', 'where to keep the data? give --data DIR, or --ephemeral to keep it in memory only');
  }
  const store = await openStore(config, memory);
  store.receipts.onWritten((receipt) => {
    const text = 'receipt written: writes that the group never saw are discarded';
    const lacking = 'entries were discarded that had left the log before: they are in no receipt';
    if (receipt.operationCount > 0) logger.warn({ event: 'receipt-written', ...receipt }, text);
    if (receipt.missingEntries > 0) logger.error({ event: 'receipt-incomplete', ...receipt }, lacking);
  });
  if (store.setAside !== undefined) {
    const text = 'the log had lost entries that were synced: this directory begins anew, as a learner';
    logger.error({ event: 'copy-set-aside', ...store.setAside }, text);
  }
  const node = config.node ?? (store.identity.node || makeNodeName(role));
  const member = new Member(config, {
    role,
    node,
    store,
    logger,
    host: hostIdentity(),
    pid: process.pid,
    incarnation: randomInt(1, maxIncarnation),
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    continuousMs: continuousClock(),
    random: () => Math.random(),
    network: grpcNetwork,
    timers: realTimers,
  });
  try {
    await store.saveIdentity({ node });
    await member.start();
  } catch (caught) {
    await member.close();
    throw caught;
  }
  return member;
}

async function openStore(config: MemberConfig, memory: StoreEnvironment = ephemeralEnvironment()): Promise<Store> {
  const { data, ephemeral, shard, cacheBytes, memorySyncMs } = config;
  const expected = shard === undefined ? {} : { expected: { shard } };
  const common = {
    newStoreId: randomUUID,
    cacheBytes,
    overlayBytesMax: config.overlayBytes,
    memorySyncMs,
    ...expected,
  };
  if (ephemeral || data === undefined) {
    const { segmentBytes, retentionBytes, retentionBytesMax } = ephemeralStoreSettings;
    return Store.open({
      directory: 'ephemeral',
      environment: memory,
      ...common,
      segmentBytes: Math.min(segmentBytes, config.segmentBytes),
      retentionBytes: Math.min(retentionBytes, config.retentionBytes),
      retentionBytesMax: Math.min(retentionBytesMax, config.retentionMaxBytes),
    });
  }
  await makeDataDirectory(data);
  return Store.open({
    directory: data,
    environment: diskEnvironment(),
    ...common,
    segmentBytes: config.segmentBytes,
    retentionBytes: config.retentionBytes,
    retentionBytesMax: config.retentionMaxBytes,
  });
}
