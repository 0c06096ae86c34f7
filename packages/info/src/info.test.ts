import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ClusterState,
  Configuration,
  InfoMessage,
  InfoNode,
  NodeMessage,
  NodeReport,
  Registration,
  Topology,
} from '@edis/core';
import { applyUpdate, defaultKeyspaceSettings, EdisError } from '@edis/core';
import { createLogger, parseSettings } from '@edis/process';
import type { MessageStream } from '@edis/rpc';
import { RpcChannel } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { settings } from './config.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { Info } from './info.ts';
import { processSurroundings } from './process-surroundings.ts';
import type { InfoStore, StoreListener } from './store.ts';
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
    promisedEpoch: 0,
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
  const around = {
    store,
    logger,
    newNode: 'info-1',
    newCluster: 'cluster-1',
    host: 'machine',
    pid: 1,
    ...processSurroundings,
  };
  const info = new Info(config, around);
  closers.push(() => info.close());
  const { address } = await info.start();
  return { info, address };
}

function channelTo(address: string): RpcChannel {
  const channel = new RpcChannel(address);
  closers.push(() => channel.close());
  return channel;
}

function isOf<Kind extends InfoMessage['kind']>(
  message: InfoMessage,
  kind: Kind,
): message is Extract<InfoMessage, { kind: Kind }> {
  return message.kind === kind;
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

  /** The newest. */
  get configuration(): Configuration | undefined {
    const configurations = this.messages.filter((message) => message.kind === 'configuration');
    return configurations.at(-1)?.configuration;
  }

  async heard<Kind extends InfoMessage['kind']>(kind: Kind): Promise<Extract<InfoMessage, { kind: Kind }>> {
    return vi.waitFor(
      () => {
        const found = this.messages.find((message) => isOf(message, kind));
        if (found === undefined || !isOf(found, kind)) throw new Error(`info has not said '${kind}'`);
        return found;
      },
      { timeout: 20_000 },
    );
  }

  promise(promisedEpoch: number): void {
    const lastEntry = { epoch: 1, position: 5 };
    this.stream.send({ kind: 'promise', answer: { kind: 'promised', promisedEpoch, lastEntry, witness: true } });
  }

  async registered(): Promise<this> {
    await vi.waitFor(() => expect(this.messages.some((message) => message.kind === 'configuration')).toBe(true));
    return this;
  }
}

/** A shard of two members, the first of which leads. */
async function startPair(channel: RpcChannel): Promise<readonly [Node, Node]> {
  const w1 = await new Node(channel, registration('w1')).registered();
  const r1 = await new Node(channel, registration('r1', { role: 'read-shard' })).registered();
  w1.stream.send({
    kind: 'propose',
    proposal: { epoch: w1.configuration?.epoch ?? 0, change: 'add', store: 'store-r1' },
  });
  await vi.waitFor(() => expect(r1.configuration?.members).toEqual(['store-w1', 'store-r1']));
  return [w1, r1];
}

describe('another primary', () => {
  test('is the member that promises, once the primary is gone, and the former follows it when it returns', async () => {
    const { address } = await startInfo(new MemoryStore(), '--initial-shards', '1');
    const channel = channelTo(address);
    const [w1, r1] = await startPair(channel);
    expect(r1.configuration).toMatchObject({ primary: 'store-w1', primarySince: 1, quorum: 2, configuredSize: 2 });
    w1.stream.cancel();
    const { prepare } = await r1.heard('prepare');
    expect(prepare).toEqual({ epoch: expect.any(Number), preferred: '', releasedBy: '' });
    expect(prepare.epoch).toBeGreaterThan(r1.configuration?.epoch ?? 0);
    const { waitsFor } = await channel.describeCluster(callOptions);
    expect(waitsFor).toEqual([expect.stringContaining('r1 to promise')]);
    r1.promise(prepare.epoch);
    await vi.waitFor(() => expect(r1.configuration?.primary).toBe('store-r1'));
    expect(r1.configuration).toMatchObject({ epoch: prepare.epoch, primarySince: prepare.epoch, quorum: 2 });
    expect(r1.topology?.shards[0]).toMatchObject({ epoch: prepare.epoch, primary: 'store-r1' });
    const again = registration('w1', { cluster: 'cluster-1', shard: 's1', incarnation: 6 });
    const back = await new Node(channel, again).registered();
    expect(back.configuration).toEqual(r1.configuration);
  });

  test('is wished for by a person: the primary hands over, and both promise', async () => {
    const { address } = await startInfo(new MemoryStore(), '--initial-shards', '1');
    const channel = channelTo(address);
    const [w1, r1] = await startPair(channel);
    const wish = { shard: 's1', node: 'r1', isUnsafe: false };
    expect(await channel.promote(wish, callOptions)).toEqual({ kind: 'accepted' });
    const { epoch, to } = await w1.heard('hand-over');
    expect([epoch, to]).toEqual([w1.configuration?.epoch, 'store-r1']);
    w1.stream.send({ kind: 'handed-over', epoch, to });
    for (const node of [w1, r1]) {
      const { prepare } = await node.heard('prepare');
      expect(prepare).toMatchObject({ preferred: 'store-r1', releasedBy: 'store-w1' });
      node.promise(prepare.epoch);
    }
    await vi.waitFor(() => expect(w1.configuration?.primary).toBe('store-r1'));
    expect(r1.configuration?.members).toHaveLength(2);
  });

  test('is refused with the reason when it can not be', async () => {
    const { address } = await startInfo(new MemoryStore(), '--initial-shards', '1');
    const channel = channelTo(address);
    await new Node(channel, registration('w1')).registered();
    await new Node(channel, registration('r1', { role: 'read-shard' })).registered();
    const causes: [string, string, string][] = [
      ['s9', '', 'no-such-shard'],
      ['s1', 'nobody', 'no-such-node'],
      ['s1', 'w1', 'is-primary'],
      ['s1', 'r1', 'not-a-member'],
      ['s1', '', 'not-alive'],
    ];
    for (const [shard, node, cause] of causes) {
      const reply = await channel.promote({ shard, node, isUnsafe: false }, callOptions);
      expect(reply).toEqual({ kind: 'refused', cause, message: expect.any(String) });
    }
  });
});

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
    const around = {
      store: new MemoryStore(),
      logger,
      newNode: 'x',
      newCluster: 'x',
      host: '',
      pid: 0,
      ...processSurroundings,
    };
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

describe('an info that stands by', () => {
  test('sends those who follow its map on when it is cut off from the store, and takes who comes back', async () => {
    const decided = await startInfo(new MemoryStore());
    const topology = { ...decided.info.topology, revision: 7 };
    const stored: ClusterState = { topology, records: [], nextKeyspaceId: 2 };
    const joined: StoreListener[] = [];
    class StandbyStore extends MemoryStore {
      override join(_self: InfoNode, listener: StoreListener): Promise<void> {
        joined.push(listener);
        listener.onState(stored);
        return Promise.resolve();
      }
    }
    const { address } = await startInfo(new StandbyStore());
    const channel = channelTo(address);
    const watch = () => {
      const watcher: { revision: number; closed: boolean; error: EdisError | undefined } = {
        revision: 0,
        closed: false,
        error: undefined,
      };
      channel.watchTopology().listen({
        onMessage: (update) => {
          watcher.revision = applyUpdate(undefined, update)?.revision ?? 0;
        },
        onClose: (error) => Object.assign(watcher, { closed: true, error }),
      });
      return watcher;
    };
    const [first, second] = [watch(), watch()];
    await vi.waitFor(() => expect([first.revision, second.revision]).toEqual([7, 7]));
    joined[0]?.onCutOff(new EdisError('unreachable', 'etcd is silent'));
    await vi.waitFor(() => expect([first.closed, second.closed]).toEqual([true, true]));
    expect(first.error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('etcd is silent') });
    const again = watch();
    await vi.waitFor(() => expect(again.revision).toBe(7));
    expect(again.closed).toBe(false);
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
