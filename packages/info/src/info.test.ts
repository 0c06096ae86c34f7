import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterState, InfoMessage, NodeMessage, NodeReport, Registration, Topology } from '@edis/core';
import { applyUpdate, defaultKeyspaceSettings, EdisError } from '@edis/core';
import { createLogger, parseSettings } from '@edis/process';
import type { MessageStream } from '@edis/rpc';
import { RpcChannel } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { settings } from './config.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { Info } from './info.ts';
import type { InfoStore } from './store.ts';
import { MemoryStore } from './store.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const callOptions = { timeoutMs: 5000 };
const zero = { epoch: 0, position: 0 };
const report: NodeReport = {
  lastEntry: zero,
  applied: zero,
  lagEntries: 0,
  lagMs: 0,
  serving: true,
  recordCount: 3,
  operationsPerSecond: 0,
};

function registration(node: string, change: Partial<Registration> = {}): Registration {
  return {
    node,
    role: 'write-shard',
    store: `store-${node}`,
    cluster: '',
    shard: '',
    endpoints: [{ network: '', address: `${node}:1` }],
    lastEntry: zero,
    seenEpoch: 0,
    host: '',
    pid: 0,
    incarnation: 5,
    ...change,
  };
}

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startInfo(store: InfoStore, ...flags: string[]): Promise<{ info: Info; address: string }> {
  const config = parseSettings(settings, ['--listen', '127.0.0.1:0', '--report', '50ms', ...flags], {});
  const around = { store, logger, newNode: 'info-1', newCluster: 'cluster-1', host: 'machine', pid: 1 };
  const info = new Info(config, { ...around, nowMs: () => performance.now() });
  closers.push(() => info.close());
  const { address } = await info.start();
  return { info, address };
}

function channelTo(address: string): RpcChannel {
  const channel = new RpcChannel(address);
  closers.push(() => channel.close());
  return channel;
}

/** A node's end of a session. */
class Node {
  readonly messages: InfoMessage[] = [];
  readonly stream: MessageStream<NodeMessage, InfoMessage>;
  topology: Topology | undefined;
  closed = false;
  error: EdisError | undefined;

  constructor(channel: RpcChannel, change: Registration) {
    this.stream = channel.session();
    this.stream.listen({
      onMessage: (message) => {
        this.messages.push(message);
        if (message.kind === 'topology') this.topology = applyUpdate(this.topology, message.update);
      },
      onClose: (error) => {
        this.closed = true;
        this.error = error;
      },
    });
    this.stream.send({ kind: 'register', registration: change });
  }

  get shard(): string | undefined {
    const welcome = this.messages.find((message) => message.kind === 'registered');
    return welcome?.kind === 'registered' ? welcome.shard : undefined;
  }

  async registered(): Promise<this> {
    await vi.waitFor(() => expect(this.messages.some((message) => message.kind === 'configuration')).toBe(true));
    return this;
  }
}

describe('info over gRPC', () => {
  test('nodes register, the cluster forms, watchers get the whole map and then each step', async () => {
    const { address } = await startInfo(new MemoryStore(), '--initial-shards', '2');
    const channel = channelTo(address);
    expect(await channel.health(callOptions)).toBe(true);
    let watched: Topology | undefined;
    const kinds: string[] = [];
    channel.watchTopology().listen({
      onMessage: (update) => {
        kinds.push(update.kind);
        watched = applyUpdate(watched, update);
      },
      onClose: () => undefined,
    });
    await vi.waitFor(() => expect(watched?.formed).toBe(false));
    expect((await channel.describeCluster(callOptions)).waitsFor).toEqual(['waits for 2 of 2 write shards']);
    const w1 = await new Node(channel, registration('w1')).registered();
    const w2 = await new Node(channel, registration('w2')).registered();
    expect([w1.shard, w2.shard]).toEqual(['s1', 's2']);
    const r1 = await new Node(channel, registration('r1', { role: 'read-shard' })).registered();
    r1.stream.send({ kind: 'report', report });
    await vi.waitFor(() => expect(watched?.shards[0]?.members[1]?.role).toBe('replica'));
    expect(watched?.formed).toBe(true);
    expect(kinds).toEqual(['whole', 'delta', 'delta', 'delta', 'delta']);
    await vi.waitFor(() => expect(w1.topology).toEqual(watched));
    const description = await channel.describeCluster(callOptions);
    expect(description.topology).toEqual(watched);
    expect(description.reports.get('store-r1')).toEqual(report);
    expect(description.waitsFor).toEqual([]);
    expect(watched?.infos).toEqual([
      { node: 'info-1', endpoints: [{ network: '', address }], host: 'machine', pid: 1 },
    ]);
  });

  test('a keyspace is created and dropped, and every watcher sees both', async () => {
    const { address } = await startInfo(new MemoryStore(), '--initial-shards', '1');
    const channel = channelTo(address);
    const w1 = await new Node(channel, registration('w1')).registered();
    const settings = { ...defaultKeyspaceSettings, indexedFields: [{ field: 'age', kind: 'number' as const }] };
    const created = await channel.createKeyspace('users', settings, callOptions);
    expect(created).toMatchObject({ kind: 'created', keyspace: { id: 2, name: 'users', settings } });
    expect(await channel.createKeyspace('users', settings, callOptions)).toEqual(created);
    await vi.waitFor(() => expect(w1.topology?.keyspaces.map(({ name }) => name)).toEqual(['default', 'users']));
    expect(w1.topology?.keyspaces[1]).toEqual(created.kind === 'created' && created.keyspace);
    expect(await channel.createKeyspace('users', defaultKeyspaceSettings, callOptions)).toMatchObject({
      kind: 'refused',
      cause: 'exists',
    });
    const dropped = await channel.dropKeyspace('users', callOptions);
    expect(dropped.kind).toBe('dropped');
    await vi.waitFor(() => expect(w1.topology?.keyspaces.map(({ name }) => name)).toEqual(['default']));
    expect(dropped.kind === 'dropped' && dropped.revision).toBe(w1.topology?.revision);
    expect(await channel.dropKeyspace('users', callOptions)).toMatchObject({ cause: 'no-such-keyspace' });
  });

  test('a node that is refused is told why, and its stream ends properly', async () => {
    const { address } = await startInfo(new MemoryStore());
    const node = new Node(channelTo(address), registration('w1', { cluster: 'another' }));
    await vi.waitFor(() => expect(node.closed).toBe(true));
    expect(node.error).toBeUndefined();
    expect(node.messages).toMatchObject([{ kind: 'refused', cause: 'other-cluster' }]);
    const other = await new Node(channelTo(address), registration('w1')).registered();
    expect(other.shard).toBe('s1');
  });

  test('a session that does not begin with register ends with an error of its own', async () => {
    const { address } = await startInfo(new MemoryStore());
    const stream = channelTo(address).session();
    const closed = new Promise<EdisError | undefined>((resolve) => {
      stream.listen({ onMessage: () => undefined, onClose: resolve });
    });
    stream.send({ kind: 'report', report });
    expect((await closed)?.code).toBe('protocol');
  });

  test('a broken stream and missing reports are shown as not alive', async () => {
    const { info, address } = await startInfo(new MemoryStore(), '--dead-after', '200ms');
    const w1 = await new Node(channelTo(address), registration('w1')).registered();
    await new Node(channelTo(address), registration('w2')).registered();
    w1.stream.cancel();
    const aliveOf = (index: number) => info.topology.shards[index]?.members[0]?.alive;
    await vi.waitFor(() => expect(aliveOf(0)).toBe(false));
    await vi.waitFor(() => expect(aliveOf(1)).toBe(false));
  });

  test('a second info on the same port is refused as port-in-use', async () => {
    const { address } = await startInfo(new MemoryStore());
    const config = parseSettings(settings, ['--listen', address], {});
    const around = { store: new MemoryStore(), logger, newNode: 'x', newCluster: 'x', host: '', pid: 0 };
    const other = new Info(config, { ...around, nowMs: () => 0 });
    closers.push(() => other.close());
    await expect(other.start()).rejects.toMatchObject({ code: 'port-in-use' });
  });

  test('--dead-after below twice --report is refused', async () => {
    await expect(startInfo(new MemoryStore(), '--dead-after', '60ms')).rejects.toMatchObject({ code: 'usage' });
  });

  test('drain ends every stream and answers no more', async () => {
    const { info, address } = await startInfo(new MemoryStore());
    const node = await new Node(channelTo(address), registration('w1')).registered();
    await info.drain();
    await vi.waitFor(() => expect(node.closed).toBe(true));
    expect(info.topology.shards[0]?.members[0]?.alive).toBe(true);
  });
});

describe('info and its store', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'edis-info-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  test('a restart on the same data is the same cluster, and nobody flaps', async () => {
    const first = await startInfo(await EmbeddedStore.open(directory), '--initial-shards', '1');
    await new Node(channelTo(first.address), registration('w1')).registered();
    const channel = channelTo(first.address);
    await channel.createKeyspace('users', { ...defaultKeyspaceSettings, defaultTtlMs: 5 }, callOptions);
    await channel.createKeyspace('gone', defaultKeyspaceSettings, callOptions);
    await channel.dropKeyspace('gone', callOptions);
    const before = first.info.topology;
    await first.info.drain();
    await first.info.close();
    const second = await startInfo(await EmbeddedStore.open(directory), '--initial-shards', '1');
    const after = second.info.topology;
    expect(after).toMatchObject({ cluster: before.cluster, formed: true, keyspaces: before.keyspaces });
    expect(after.revision).toBeGreaterThan(before.revision);
    expect(after.shards).toEqual(before.shards);
    expect(after.infos[0]?.node).toBe('info-1');
    const again = await new Node(channelTo(second.address), registration('w1', { cluster: 'cluster-1' })).registered();
    expect(again.shard).toBe('s1');
    expect(second.info.topology).toBe(after);
    const created = await channelTo(second.address).createKeyspace('gone', defaultKeyspaceSettings, callOptions);
    expect(created).toMatchObject({ kind: 'created', keyspace: { id: 4 } });
  });

  test('a failed save takes info out of service before anybody sees the change', async () => {
    class FailingStore extends MemoryStore {
      broken = false;
      override save(state: ClusterState): Promise<void> {
        if (this.broken) return Promise.reject(new EdisError('disk', 'no space left'));
        return super.save(state);
      }
    }
    const store = new FailingStore();
    const { info, address } = await startInfo(store);
    store.broken = true;
    const node = new Node(channelTo(address), registration('w1'));
    expect(await info.failed).toMatchObject({ code: 'disk' });
    expect(info.topology.shards).toEqual([]);
    expect(node.messages).toEqual([]);
    const creation = channelTo(address).createKeyspace('users', defaultKeyspaceSettings, callOptions);
    await expect(creation).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('a keyspace whose save fails is not answered as created', async () => {
    class BrokenStore extends MemoryStore {
      broken = false;
      override save(state: ClusterState): Promise<void> {
        return this.broken ? Promise.reject(new EdisError('disk', 'no space left')) : super.save(state);
      }
    }
    const store = new BrokenStore();
    const { address } = await startInfo(store);
    store.broken = true;
    const creation = channelTo(address).createKeyspace('users', defaultKeyspaceSettings, callOptions);
    await expect(creation).rejects.toMatchObject({ code: 'internal' });
  });
});
