import type { EdisError } from '@edis/core';
import { createLogger } from '@edis/process';
import { EtcdClient } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EtcdElection } from './etcd-election.ts';
import { EtcdMirror } from './etcd-mirror.ts';
import { EtcdStore } from './etcd-store.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const self = { node: 'info-1', endpoints: [], host: '', pid: 1 };
/** Where nobody listens. */
const nowhere = '127.0.0.1:1';
let store: EtcdStore;
let cutOffs: EdisError[];

/** etcd answers what it is asked when an info starts, and is away from then on. */
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(EtcdClient.prototype, 'version').mockResolvedValue('3.5.0');
  vi.spyOn(EtcdClient.prototype, 'read').mockResolvedValue({ revision: 1, rows: [] });
  cutOffs = [];
  store = new EtcdStore({ addresses: [nowhere], prefix: 'edis/', leaseMs: 5000 }, logger);
  await store.load();
  const ignored = { onActive: () => {}, onStandby: () => {}, onState: () => {}, onFailed: () => {} };
  await store.join(self, { ...ignored, onCutOff: (error) => cutOffs.push(error) });
  await vi.waitUntil(() => store.deciding.startsWith('nobody can until etcd answers'));
});

afterEach(async () => {
  await store.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('an info that hears nothing of etcd', () => {
  test('says so after some seconds, and again ever more seldom for as long as that lasts', async () => {
    expect(cutOffs).toEqual([]);
    const counts: number[] = [];
    for (const seconds of [2, 1, 5, 1, 11, 1, 23, 1, 29, 1, 29, 1]) {
      await vi.advanceTimersByTimeAsync(seconds * 1000);
      counts.push(cutOffs.length);
    }
    expect(counts).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    expect(cutOffs[0]).toMatchObject({ code: 'unreachable' });
  });

  test('says nothing while it decides, and does within seconds once it can not any more', async () => {
    const active = vi.spyOn(EtcdElection.prototype, 'isActive', 'get').mockReturnValue(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(cutOffs).toEqual([]);
    active.mockReturnValue(false);
    await vi.advanceTimersByTimeAsync(3000);
    expect(cutOffs).toHaveLength(1);
  });

  test('says nothing more once etcd has answered', async () => {
    await vi.advanceTimersByTimeAsync(3000);
    vi.spyOn(EtcdMirror.prototype, 'lastError', 'get').mockReturnValue(undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(cutOffs).toHaveLength(1);
  });
});
