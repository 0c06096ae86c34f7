/**
 * A cluster in memory for the tests of this package: it speaks the messages of the data path and of the topology
 * stream, remembers operation ids as a shard does, and can be made to fail at each step. It reads what a message says
 * at the time of sending, as encoding does.
 */
import {
  defaultKeyspaceSettings,
  deltaBetween,
  EdisError,
  type KeyspaceReply,
  type KeyspaceSettings,
  type Member,
  type PromoteReply,
  type PromoteWish,
  type Shard,
  type SlotRange,
  slotCount,
  type Topology,
  type TopologyUpdate,
  type WatchRequest,
  type WatchResponse,
} from '@edis/core';
import { type ClientStream, FakeNode, fakeStats } from './fake-node.ts';
import { FakeShard } from './fake-shard.ts';
import { FakeStream } from './fake-stream.ts';
import { evenSlots, fakeClusterId } from './fake-topology.ts';
import type { Channel, Transport } from './transport.ts';

const infoAddress = 'localhost:7400';
/** Another info, which answers like the first. */
const nextInfoAddress = 'localhost:7401';

export class FakeCluster {
  readonly info = infoAddress;
  readonly nextInfo = nextInfoAddress;
  infoUp = true;
  /** Takes questions and answers none, like a stopped process. */
  infoFrozen = false;
  /** Does what it is asked for next, and its answer is lost. */
  infoLosesAnswer = false;
  /** Questions that info has taken. */
  infoQuestions = 0;
  /** New maps reach nobody. */
  muted = false;
  readonly shards: FakeShard[] = [];
  readonly nodes: FakeNode[] = [];
  topology: Topology;
  readonly transport: Transport;
  #lastKeyspace = 1;
  readonly #watchers = new Set<FakeStream<never, TopologyUpdate>>();

  constructor(options: { readonly shards: number; readonly replicas: number; readonly formed?: boolean }) {
    const shards: Shard[] = [];
    for (let index = 1; index <= options.shards; index++) shards.push(this.#addShard(`s${index}`, options.replicas));
    const formed = options.formed ?? true;
    const slots = evenSlots(shards.map(({ shard }) => shard));
    this.topology = {
      cluster: fakeClusterId,
      revision: 1,
      formed,
      initialShards: options.shards,
      infos: [{ node: 'info', endpoints: [{ network: 'host', address: infoAddress }], host: '', pid: 0 }],
      keyspaces: [
        { id: 1, name: 'default', strategy: 'hash', settings: defaultKeyspaceSettings, slots: formed ? slots : [] },
      ],
      shards,
    };
    this.transport = { channel: (address) => this.#channel(address) };
  }

  node(name: string): FakeNode {
    const found = this.nodes.find((candidate) => candidate.node === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  shard(number: number): FakeShard {
    const found = this.shards[number - 1];
    if (found === undefined) throw new Error(`no shard ${number}`);
    return found;
  }

  /** Makes the next map, and pushes it to whoever watches. */
  change(change: Partial<Topology>, push = true): Topology {
    const previous = this.topology;
    this.topology = { ...previous, ...change, revision: previous.revision + 1 };
    if (push && this.infoUp) {
      const delta = deltaBetween(previous, this.topology);
      for (const watcher of this.#watchers) watcher.deliver({ kind: 'delta', delta });
    }
    return this.topology;
  }

  /** Changes what info says of one node. */
  changeMember(name: string, change: Partial<Member>): void {
    const shards = this.topology.shards.map((shard) => {
      if (!shard.members.some((member) => member.node === name)) return shard;
      const members = shard.members.map((member) => (member.node === name ? { ...member, ...change } : member));
      return { ...shard, members };
    });
    this.change({ shards });
  }

  /** Another node leads its shard from now on, and knows it. */
  promote(name: string): void {
    const shards = this.topology.shards.map((shard) => {
      const next = shard.members.find((member) => member.node === name);
      if (next === undefined) return shard;
      const members = shard.members.map((member): Member => {
        const role = member === next ? 'primary' : 'replica';
        this.node(member.node).role = role;
        return { ...member, role };
      });
      return { ...shard, epoch: shard.epoch + 1, primary: next.store, members };
    });
    this.change({ shards });
  }

  /** Gives all slots to one shard. */
  giveAllTo(shard: string, push = true): Topology {
    const slots = [{ from: 0, to: slotCount - 1, shard }];
    const keyspaces = this.topology.keyspaces.map((keyspace) => ({ ...keyspace, slots }));
    return this.change({ formed: true, keyspaces }, push);
  }

  stopInfo(): void {
    this.infoUp = false;
    for (const watcher of [...this.#watchers]) watcher.finish(new EdisError('unreachable', 'info is down'));
    this.#watchers.clear();
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  get streamCount(): number {
    return this.nodes.reduce((sum, node) => sum + node.streams.size, 0);
  }

  #addShard(name: string, replicas: number): Shard {
    const shared = new FakeShard();
    this.shards.push(shared);
    const members: Member[] = [];
    for (let index = 0; index <= replicas; index++) {
      const role = index === 0 ? 'primary' : 'replica';
      const node = index === 0 ? `${name}-w` : `${name}-r${index}`;
      const address = `${node}:1`;
      this.nodes.push(new FakeNode(node, address, name, shared, role));
      members.push({
        node,
        store: `store-${node}`,
        role,
        alive: true,
        endpoints: [
          { network: 'internal', address: `inner-${node}:1` },
          { network: 'host', address },
        ],
        host: '',
        pid: 0,
      });
    }
    const voters = members.map(({ store }) => store);
    return { shard: name, epoch: 1, primary: `store-${name}-w`, configuredSize: replicas + 1, members, voters };
  }

  #channel(address: string): Channel {
    const node = this.nodes.find((candidate) => candidate.address === address);
    const closed = new AbortController();
    const ask = <Answer>(answer: () => Answer): Promise<Answer> => this.#askInfo(address, closed.signal, answer);
    return {
      batch: () => {
        if (node !== undefined) return node.open();
        const stream: ClientStream = new FakeStream(
          address,
          () => {},
          () => {},
        );
        setImmediate(() => stream.finish(new EdisError('unreachable', `nobody is at ${address}`)));
        return stream;
      },
      watch: () => {
        const stream: FakeStream<WatchRequest, WatchResponse> = new FakeStream(
          address,
          () => {},
          () => {},
        );
        setImmediate(() => stream.finish(new EdisError('unreachable', `nobody at ${address} has a change feed`)));
        return stream;
      },
      watchTopology: () => this.#watch(address),
      describeCluster: () => ask(() => ({ topology: this.topology, reports: new Map(), waitsFor: [] })),
      stats: async () => {
        if (node?.up !== true) throw new EdisError('unreachable', `${address} is down`);
        if (node.frozen) await endOf(closed.signal);
        return fakeStats(node);
      },
      createKeyspace: (name, settings) => ask(() => this.#createKeyspace(name, settings)),
      dropKeyspace: (name) => ask(() => this.#dropKeyspace(name)),
      promote: (wish) => ask(() => this.#promote(wish)),
      scan: () => noQueries(address),
      search: () => noQueries(address),
      aggregate: () => noQueries(address),
      close: () => closed.abort(),
    };
  }

  async #askInfo<Answer>(address: string, closed: AbortSignal, answer: () => Answer): Promise<Answer> {
    if (!this.#isInfo(address)) throw new EdisError('unreachable', `${address} is down`);
    this.infoQuestions += 1;
    if (this.infoFrozen) await endOf(closed);
    const answered = answer();
    if (!this.infoLosesAnswer) return answered;
    this.infoLosesAnswer = false;
    throw new EdisError('unreachable', `${address} went away`);
  }

  #isInfo(address: string): boolean {
    return this.infoUp && (address === infoAddress || address === nextInfoAddress);
  }

  #createKeyspace(name: string, settings: KeyspaceSettings): KeyspaceReply {
    const { keyspaces } = this.topology;
    const known = keyspaces.find((keyspace) => keyspace.name === name);
    if (known !== undefined) {
      if (JSON.stringify(known.settings) === JSON.stringify(settings)) {
        return { kind: 'created', keyspace: known, revision: this.topology.revision };
      }
      return { kind: 'refused', cause: 'exists', message: `there is a keyspace ${name} with other settings` };
    }
    const slots: readonly SlotRange[] = keyspaces[0]?.slots ?? [];
    const keyspace = { id: ++this.#lastKeyspace, name, strategy: 'hash', settings, slots } as const;
    const { revision } = this.#changeLater({ keyspaces: [...keyspaces, keyspace] });
    return { kind: 'created', keyspace, revision };
  }

  #promote({ shard: name, node }: PromoteWish): PromoteReply {
    const shard = this.topology.shards.find((candidate) => candidate.shard === name);
    if (shard === undefined) return { kind: 'refused', cause: 'no-such-shard', message: `there is no shard ${name}` };
    const others = shard.members.filter((member) => member.store !== shard.primary && member.alive);
    const next = node === '' ? others[0] : shard.members.find((member) => member.node === node);
    if (next === undefined)
      return { kind: 'refused', cause: 'not-alive', message: `${name} has no other living member` };
    if (next.store === shard.primary) return { kind: 'refused', cause: 'is-primary', message: `${node} leads already` };
    setImmediate(() => this.promote(next.node));
    return { kind: 'accepted' };
  }

  #dropKeyspace(name: string): KeyspaceReply {
    const keyspaces = this.topology.keyspaces.filter((keyspace) => keyspace.name !== name);
    if (keyspaces.length === this.topology.keyspaces.length) {
      return { kind: 'refused', cause: 'no-such-keyspace', message: `there is no keyspace ${name}` };
    }
    return { kind: 'dropped', revision: this.#changeLater({ keyspaces }).revision };
  }

  /** Makes the next map now and pushes it after the answer that tells of it. */
  #changeLater(change: Partial<Topology>): Topology {
    const next = this.change(change, false);
    setImmediate(() => {
      if (!this.infoUp || this.muted) return;
      for (const watcher of this.#watchers) watcher.deliver({ kind: 'whole', topology: this.topology });
    });
    return next;
  }

  #watch(address: string): FakeStream<never, TopologyUpdate> {
    const stream: FakeStream<never, TopologyUpdate> = new FakeStream(
      address,
      () => {},
      () => this.#watchers.delete(stream),
    );
    setImmediate(() => {
      if (!this.#isInfo(address)) {
        stream.finish(new EdisError('unreachable', `nobody is at ${address}`));
      } else if (!stream.closed) {
        this.#watchers.add(stream);
        stream.deliver({ kind: 'whole', topology: this.topology });
      }
    });
    return stream;
  }
}

/** Of a question that is never answered: the end of its channel. */
function endOf(closed: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    closed.addEventListener('abort', () => reject(new EdisError('closed', 'the channel was closed')), { once: true });
  });
}

function noQueries(address: string): Promise<never> {
  return Promise.reject(new EdisError('unreachable', `nobody at ${address} answers queries`));
}
