import type {
  BatchResponse,
  Configuration,
  InfoMessage,
  Member,
  NodeMessage,
  NodeRole,
  Operation,
  Result,
  Topology,
  WatchResponse,
} from '@edis/core';
import { defaultKeyspaceSettings } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { RpcChannel } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call } from './info-fixture.ts';
import { ScriptedInfo, topologyAt } from './info-fixture.ts';
import type { MemberConfig } from './member-config.ts';
import { batchOf, get, put, silent } from './primary-fixture.ts';
import { startMember } from './start-member.ts';

const MIB = 1024 * 1024;
const patience = { timeout: 20_000, interval: 10 };
const call = { timeoutMs: 10_000 };
const closers: (() => Promise<void> | void)[] = [];
let info: ScriptedInfo;
let configuration: Configuration;

const topology: Topology = {
  ...topologyAt(3),
  formed: true,
  keyspaces: [
    {
      id: 1,
      name: 'default',
      strategy: 'hash',
      settings: defaultKeyspaceSettings,
      slots: [{ from: 0, to: 16_383, shard: 's1' }],
    },
  ],
  shards: [{ shard: 's1', epoch: 1, primary: 'unknown', configuredSize: 1, members: [], voters: [] }],
};

/** Welcomes every node into s1; the write shard becomes its primary. */
function welcome({ stream, registration }: Call): void {
  if (registration === undefined) return;
  stream.send({ kind: 'registered', cluster: 'cluster-1', shard: 's1', reportMs: 50, deadAfterMs: 3000, fencing: 0 });
  stream.send({ kind: 'topology', update: { kind: 'whole', topology } });
  if (registration.role === 'write-shard') {
    const { store: primary, endpoints: primaryEndpoints } = registration;
    configuration = {
      shard: 's1',
      epoch: 1,
      primarySince: 1,
      primary,
      members: [primary],
      quorum: 1,
      configuredSize: 1,
      primaryEndpoints,
      leaseMs: 2000,
    };
  }
  stream.send({ kind: 'configuration', configuration });
}

beforeEach(async () => {
  info = await ScriptedInfo.start('127.0.0.1:0', welcome);
  closers.push(() => info.server.close());
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function configOf(role: NodeRole, address: string): MemberConfig {
  return {
    node: role,
    listen: '127.0.0.1:0',
    advertise: [],
    data: undefined,
    ephemeral: true,
    drainMs: 5000,
    info: [address],
    shard: undefined,
    cacheBytes: MIB,
    overlayBytes: 8 * MIB,
    queueOperations: 1000,
    queueBytes: MIB,
    memorySyncMs: 20,
    segmentBytes: MIB,
    retentionBytes: MIB,
    retentionMaxBytes: 4 * MIB,
    sessionWaitMs: 200,
    busyPollUs: 0,
    replicationDelayMs: 0,
  };
}

async function start(role: NodeRole) {
  const member = await startMember(role, configOf(role, info.address), silent);
  closers.push(() => member.close());
  const registered = await vi.waitFor(() => {
    const found = info.calls.find(
      ({ registration }) => registration?.node === role && registration.endpoints.length > 0,
    );
    if (found?.registration === undefined) throw new Error('not registered');
    return { session: found, address: found.registration.endpoints[0]?.address ?? '' };
  }, patience);
  const channel = new RpcChannel(registered.address);
  closers.push(() => channel.close());
  await vi.waitFor(async () => expect(await channel.health(call)).toBe(true), patience);
  return { member, channel, session: registered.session };
}

async function said(session: Call, kind: NodeMessage['kind']): Promise<NodeMessage> {
  return vi.waitFor(() => {
    const found = session.said.find((message) => message.kind === kind);
    if (found === undefined) throw new Error(`it has not said '${kind}'`);
    return found;
  }, patience);
}

describe('a member', () => {
  test('takes writes, feeds its replica, and both answer', async () => {
    const primary = await start('write-shard');
    const replica = await start('read-shard');
    const written = await primary.channel.execute(batchOf({ operations: [put('a', '1', { request: 1 })] }), call);
    const outcome = written.results[0]?.outcome;
    expect(outcome).toMatchObject({ kind: 'put' });
    const after = { epoch: written.epoch, position: outcome?.kind === 'put' ? outcome.position : 0 };
    const read = get('a', { consistency: 'session', after, request: 2 });
    const answered = await replica.channel.execute(batchOf({ operations: [read] }), call);
    expect(answered).toMatchObject({ node: 'read-shard', role: 'replica', shard: 's1' });
    expect(answered.results).toEqual([
      { request: 2, outcome: expect.objectContaining({ kind: 'found', value: Buffer.from('1') }) },
    ]);
    const refused = await replica.channel.execute(batchOf({ operations: [put('a', '2', { request: 3 })] }), call);
    expect(refused.results[0]?.outcome).toEqual({ kind: 'not-primary', epoch: 1 });
    expect(await primary.channel.stats(call)).toMatchObject({ role: 'primary', followerCount: 1, writeCount: 1 });
    await vi.waitFor(() => expect(replica.session.heard.length).toBeGreaterThan(2), patience);
  });

  test('goes on without info', async () => {
    const primary = await start('write-shard');
    await info.server.close();
    const { results } = await primary.channel.execute(
      batchOf({ operations: [put('a', '1', { request: 1 }), get('a', { request: 2 })] }),
      call,
    );
    expect(results.map(({ outcome }) => outcome.kind)).toEqual(['put', 'not-found']);
  });

  test('refuses a unary batch in which two operations have the same number', async () => {
    const { channel } = await start('write-shard');
    const twice = batchOf({ operations: [put('a', '1'), put('b', '1')] });
    await expect(channel.execute(twice, call)).rejects.toMatchObject({ code: 'protocol' });
    expect(await channel.execute(batchOf(), call)).toMatchObject({ results: [] });
  });

  test('drains: leaves info for good, answers what it took, ends its streams', async () => {
    const { channel, member, session } = await start('write-shard');
    const results: Result[] = [];
    let ended = false;
    const stream: MessageStream<ReturnType<typeof batchOf>, BatchResponse> = channel.batch();
    stream.listen({
      onMessage: (response) => results.push(...response.results),
      onClose: () => {
        ended = true;
      },
    });
    const count = 300;
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const operations = numbers.map((request) => put(`key-${request}`, '1', { request, ack: 'disk' }));
    stream.send(batchOf({ operations }));
    await vi.waitFor(async () => expect((await channel.stats(call)).lastEntry.position).toBeGreaterThan(1), patience);
    await member.drain();
    await vi.waitFor(() => expect(ended).toBe(true), patience);
    expect(session.heard).toContain('leave');
    expect(results.length).toBe(count);
    expect(new Set(results.map(({ outcome }) => outcome.kind))).toEqual(new Set(['put']));
    expect(info.calls).toHaveLength(1);
    await member.close();
    await member.close();
  });

  test('that is level is asked for as a member, and leads once a primary that ends has handed over', async () => {
    const [first, second] = [await start('write-shard'), await start('read-shard')];
    const [former = '', next = ''] = [first, second].map(({ session }) => session.registration?.store);
    const tell = (message: InfoMessage): void => {
      for (const { session } of [first, second]) session.stream.send(message);
    };
    expect(await said(first.session, 'propose')).toMatchObject({ proposal: { epoch: 1, change: 'add', store: next } });
    configuration = { ...configuration, epoch: 2, members: [former, next], quorum: 2, configuredSize: 2 };
    tell({ kind: 'configuration', configuration });
    const kindOf = async ({ channel }: typeof first, operation: Operation): Promise<string | undefined> => {
      const { results } = await channel.execute(batchOf({ operations: [operation] }), call);
      return results[0]?.outcome.kind;
    };
    expect(await kindOf(first, put('a', '1', { ack: 'quorum' }))).toBe('put');

    const drained = first.member.drain();
    await said(first.session, 'retire');
    first.session.stream.send({ kind: 'hand-over', epoch: 2, to: next });
    expect(await said(first.session, 'handed-over')).toMatchObject({ epoch: 2, to: next });
    tell({ kind: 'prepare', prepare: { epoch: 3, preferred: next, releasedBy: former } });
    for (const { session } of [first, second]) {
      expect(await said(session, 'promise')).toMatchObject({ answer: { kind: 'promised', promisedEpoch: 3 } });
    }
    expect(await kindOf(first, put('a', '2'))).toBe('not-primary');
    const primaryEndpoints = second.session.registration?.endpoints ?? [];
    configuration = { ...configuration, epoch: 3, primarySince: 3, primary: next, primaryEndpoints };
    tell({ kind: 'configuration', configuration });
    await drained;
    expect(first.session.heard.at(-1)).toBe('leave');
    // The one that ended still follows: with two members the new primary needs it.
    expect(await kindOf(second, put('a', '3', { ack: 'quorum' }))).toBe('put');
    expect(await second.channel.stats(call)).toMatchObject({ role: 'primary', followerCount: 1 });
  });

  test('that ends with its cluster hands nothing over, and its follower has all that it acknowledged', async () => {
    const [first, second] = [await start('write-shard'), await start('read-shard')];
    const stores = [first, second].map(({ session }) => session.registration?.store ?? '');
    configuration = { ...configuration, epoch: 2, members: stores, quorum: 2, configuredSize: 2 };
    for (const { session } of [first, second]) session.stream.send({ kind: 'configuration', configuration });
    const operations = Array.from({ length: 300 }, (_, index) => put(`key-${index}`, '1', { request: index + 1 }));
    await first.channel.execute(batchOf({ operations }), call);
    const { lastEntry } = await first.channel.stats(call);
    await first.member.drain(true);
    expect(first.session.heard.at(-1)).toBe('leave');
    expect(first.session.heard).not.toContain('retire');
    await vi.waitFor(
      async () => expect((await second.channel.stats(call)).lastEntry.position).toBe(lastEntry.position),
      patience,
    );
  });

  test('that no longer hears its living primary gives its feeds up, and takes no more of them', async () => {
    const primary = await start('write-shard');
    configuration = { ...configuration, epoch: 2, leaseMs: 1000 };
    primary.session.stream.send({ kind: 'configuration', configuration });
    const replica = await start('read-shard');
    const store = configuration.primary;
    const { endpoints = [] } = primary.session.registration ?? {};
    const member: Member = { node: 'w', store, role: 'primary', alive: true, endpoints, host: '', pid: 0 };
    const tell = (alive: boolean): void => {
      const shards = topology.shards.map((shard) => ({ ...shard, primary: store, members: [{ ...member, alive }] }));
      replica.session.stream.send({ kind: 'topology', update: { kind: 'whole', topology: { ...topology, shards } } });
    };
    tell(true);
    const open = (): WatchResponse[] => {
      const heard: WatchResponse[] = [];
      const stream = replica.channel.watch();
      closers.push(() => stream.cancel());
      stream.listen({ onMessage: (message) => heard.push(message), onClose: () => {} });
      const scope = { shard: 's1', cluster: 'cluster-1', keyspace: 0, prefix: '' } as const;
      stream.send({ kind: 'open', ...scope, from: { kind: 'now' }, creditBytes: MIB });
      return heard;
    };
    const feed = open();
    await vi.waitFor(() => expect(feed).toMatchObject([{ kind: 'started' }]), patience);
    await primary.channel.execute(batchOf({ operations: [put('a', '1', { request: 1 })] }), call);
    await vi.waitFor(() => expect(feed.at(-1)).toMatchObject({ changes: [{ key: 'a' }] }), patience);
    await primary.member.close();
    await vi.waitFor(() => expect(feed.at(-1)).toEqual({ kind: 'refused', cause: 'not-serving' }), patience);
    const refused = open();
    await vi.waitFor(() => expect(refused).toEqual([{ kind: 'refused', cause: 'not-serving' }]), patience);
    tell(false);
    await vi.waitFor(() => {
      const kept = open();
      return vi.waitFor(() => expect(kept).toMatchObject([{ kind: 'started' }]));
    }, patience);
  });

  test('ends with what info says when info refuses it', async () => {
    const refusing = await ScriptedInfo.start('127.0.0.1:0', ({ stream }) => {
      stream.send({ kind: 'refused', cause: 'other-cluster', message: 'it is of another cluster' });
    });
    closers.push(() => refusing.server.close());
    const member = await startMember('write-shard', configOf('write-shard', refusing.address), silent);
    closers.push(() => member.close());
    expect(await member.failed).toMatchObject({ code: 'refused' });
  });
});
