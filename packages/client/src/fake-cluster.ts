/**
 * A cluster in memory for the tests of this package: it speaks the messages of the data path and of the topology
 * stream, remembers operation ids as a shard does, and can be made to fail at each step. It reads what a message says
 * at the time of sending, as encoding does.
 */
import {
  type BatchRequest,
  type BatchResponse,
  type Bytes,
  type ClusterDescription,
  comparePositions,
  deltaBetween,
  EdisError,
  type Member,
  type MemberRole,
  type Metadata,
  type NodeStats,
  type Operation,
  type Outcome,
  type Result,
  type Shard,
  slotCount,
  type Topology,
  type TopologyUpdate,
} from '@edis/core';
import type { MessageStream, StreamListener } from '@edis/rpc';
import type { Channel, Transport } from './transport.ts';

interface FakeRecord {
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
}

/** What the members of a shard share. */
class FakeShard {
  epoch = 1;
  position = 0;
  clock = 1_000;
  /** Writes that were carried out, repetitions not counted. */
  writeCount = 0;
  readonly records = new Map<string, FakeRecord>();
  readonly remembered = new Map<string, Outcome>();
}

/** One end of an open stream; the node's side calls `deliver` and `finish`. */
class FakeStream<Out, In> implements MessageStream<Out, In> {
  readonly peer: string;
  closed = false;
  /** How many sends are taken before the stream asks to wait. */
  room = Number.POSITIVE_INFINITY;
  #listener: StreamListener<In> | undefined;
  readonly #onSend: (message: Out) => void;
  readonly #onCancel: () => void;

  constructor(peer: string, onSend: (message: Out) => void, onCancel: () => void) {
    this.peer = peer;
    this.#onSend = onSend;
    this.#onCancel = onCancel;
  }

  listen(listener: StreamListener<In>): void {
    this.#listener = listener;
  }

  send(message: Out): boolean {
    if (this.closed) return false;
    this.#onSend(message);
    this.room -= 1;
    return this.room > 0;
  }

  drain(): void {
    this.room = Number.POSITIVE_INFINITY;
    this.#listener?.onDrain?.();
  }

  deliver(message: In): void {
    if (!this.closed) this.#listener?.onMessage(message);
  }

  finish(error: EdisError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(error);
  }

  cancel(error?: EdisError): void {
    this.#onCancel();
    this.finish(error);
  }

  end(): void {
    this.cancel();
  }

  pause(): void {}

  resume(): void {}
}

type ClientStream = FakeStream<BatchRequest, BatchResponse>;

class FakeNode {
  readonly node: string;
  readonly address: string;
  readonly shard: FakeShard;
  shardName: string;
  role: MemberRole;
  up = true;
  /** Takes batches and answers none, like a stopped process. */
  frozen = false;
  /** Carries the next batch out and dies before it answers. */
  losesAnswer = false;
  /** What its reads show; undefined: everything. */
  applied: { epoch: number; position: number } | undefined;
  stalenessMs = 0;
  /** Answers in the place of the node; undefined: as usual; 'drop': never. */
  intercept: ((operation: Operation, request: BatchRequest) => Outcome | 'drop' | undefined) | undefined;
  /** Every batch, as it was when it was sent. */
  readonly received: BatchRequest[] = [];
  readonly streams = new Set<ClientStream>();
  keepsBatches = true;

  constructor(node: string, address: string, shardName: string, shard: FakeShard, role: MemberRole) {
    this.node = node;
    this.address = address;
    this.shardName = shardName;
    this.shard = shard;
    this.role = role;
  }

  get operations(): Operation[] {
    return this.received.flatMap((request) => request.operations);
  }

  /** Breaks all streams and refuses new ones. */
  kill(): void {
    this.up = false;
    for (const stream of [...this.streams]) stream.finish(new EdisError('unreachable', `${this.address} is down`));
    this.streams.clear();
  }

  restart(): void {
    this.up = true;
  }

  open(): ClientStream {
    const stream: ClientStream = new FakeStream(
      this.address,
      (request) => this.#take(stream, request),
      () => this.streams.delete(stream),
    );
    setImmediate(() => {
      if (!this.up) {
        stream.finish(new EdisError('unreachable', `${this.address} refused the connection`));
      } else if (!this.frozen && !stream.closed) {
        this.streams.add(stream);
        stream.deliver(this.greeting());
      }
    });
    return stream;
  }

  #take(stream: ClientStream, request: BatchRequest): void {
    const sent = this.keepsBatches
      ? { ...request, operations: request.operations.map((each) => ({ ...each })) }
      : request;
    if (this.keepsBatches) this.received.push(sent);
    setImmediate(() => {
      if (!this.up || this.frozen || stream.closed) return;
      const response = this.answer(sent);
      if (this.losesAnswer) {
        this.losesAnswer = false;
        this.kill();
      }
      if (response.results.length > 0) stream.deliver(response);
    });
  }

  greeting(): BatchResponse {
    return { ...this.#response([]), node: this.node, role: this.role, shard: this.shardName };
  }

  /** Carries a batch out. */
  answer(request: BatchRequest): BatchResponse {
    const results: Result[] = [];
    for (const operation of request.operations) {
      const outcome = this.intercept?.(operation, request) ?? this.#execute(operation, request);
      if (outcome !== 'drop') results.push({ request: operation.request, outcome });
    }
    return this.#response(results);
  }

  #response(results: readonly Result[]): BatchResponse {
    const epoch = this.applied?.epoch ?? this.shard.epoch;
    const { stalenessMs } = this;
    return { results, node: '', role: undefined, shard: '', epoch, timestamp: this.shard.clock, stalenessMs };
  }

  #execute(operation: Operation, request: BatchRequest): Outcome {
    if (request.shard !== '' && request.shard !== this.shardName) return { kind: 'wrong-shard', topology: undefined };
    switch (operation.kind) {
      case 'get': {
        const { shard } = this;
        const shown = this.applied ?? { epoch: shard.epoch, position: shard.position };
        if (operation.consistency === 'strong' && this.role !== 'primary')
          return { kind: 'not-primary', epoch: shard.epoch };
        if (operation.after !== undefined && comparePositions(shown, operation.after) < 0) {
          return { kind: 'too-stale', applied: shown, stalenessMs: this.stalenessMs };
        }
        const record = shard.records.get(operation.key);
        if (record === undefined) return { kind: 'not-found', position: shown.position };
        const { value, metadata, version } = record;
        return { kind: 'found', value, metadata, version, expiresAtMs: 0, position: shown.position };
      }
      case 'put':
      case 'delete':
        return this.#write(operation, request);
      case 'malformed':
        return { kind: 'invalid', cause: 'malformed', message: 'malformed' };
      default:
        throw new Error('no such operation');
    }
  }

  #write(operation: Extract<Operation, { kind: 'put' | 'delete' }>, request: BatchRequest): Outcome {
    const { shard } = this;
    if (this.role !== 'primary') return { kind: 'not-primary', epoch: shard.epoch };
    const id = `${request.client}/${operation.sequence}`;
    const repeated = shard.remembered.get(id);
    if (repeated !== undefined) return repeated;
    const record = shard.records.get(operation.key);
    const { condition } = operation;
    if (condition !== undefined) {
      const holds = condition.kind === 'absent' ? record === undefined : record?.version === condition.version;
      if (!holds) return { kind: 'condition-failed', version: record?.version ?? 0, position: shard.position };
    }
    const version = ++shard.clock;
    const position = ++shard.position;
    shard.writeCount += 1;
    let outcome: Outcome;
    if (operation.kind === 'put') {
      shard.records.set(operation.key, { value: operation.value, metadata: operation.metadata, version });
      outcome = { kind: 'put', version, position };
    } else {
      outcome = { kind: 'deleted', existed: shard.records.delete(operation.key), version, position };
    }
    if (this.keepsBatches) shard.remembered.set(id, outcome);
    return outcome;
  }
}

const infoAddress = 'localhost:7400';

export class FakeCluster {
  readonly info = infoAddress;
  infoUp = true;
  readonly shards: FakeShard[] = [];
  readonly nodes: FakeNode[] = [];
  topology: Topology;
  readonly transport: Transport;
  readonly #watchers = new Set<FakeStream<never, TopologyUpdate>>();

  constructor(options: { readonly shards: number; readonly replicas: number; readonly formed?: boolean }) {
    const shards: Shard[] = [];
    for (let index = 1; index <= options.shards; index++) shards.push(this.#addShard(`s${index}`, options.replicas));
    const formed = options.formed ?? true;
    const slots = shards.map(({ shard }, index) => ({
      from: Math.floor((slotCount * index) / shards.length),
      to: Math.floor((slotCount * (index + 1)) / shards.length) - 1,
      shard,
    }));
    this.topology = {
      cluster: 'fake-1',
      revision: 1,
      formed,
      initialShards: options.shards,
      infos: [{ node: 'info', endpoints: [{ network: 'host', address: infoAddress }], host: '', pid: 0 }],
      keyspaces: [{ id: 1, name: 'default', strategy: 'hash', slots: formed ? slots : [] }],
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

  /** Gives all slots to one shard. */
  giveAllTo(shard: string, push = true): Topology {
    const slots = [{ from: 0, to: slotCount - 1, shard }];
    return this.change({ formed: true, keyspaces: [{ id: 1, name: 'default', strategy: 'hash', slots }] }, push);
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
    return { shard: name, epoch: 1, primary: `store-${name}-w`, configuredSize: replicas + 1, members };
  }

  #channel(address: string): Channel {
    const node = this.nodes.find((candidate) => candidate.address === address);
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
      watchTopology: () => this.#watch(address),
      describeCluster: async (): Promise<ClusterDescription> => {
        if (address !== infoAddress || !this.infoUp) throw new EdisError('unreachable', `${address} is down`);
        return { topology: this.topology, reports: new Map(), waitsFor: [] };
      },
      stats: async () => {
        if (node?.up !== true) throw new EdisError('unreachable', `${address} is down`);
        return statsOf(node);
      },
      close: () => {},
    };
  }

  #watch(address: string): FakeStream<never, TopologyUpdate> {
    const stream: FakeStream<never, TopologyUpdate> = new FakeStream(
      address,
      () => {},
      () => this.#watchers.delete(stream),
    );
    setImmediate(() => {
      if (address !== infoAddress || !this.infoUp) {
        stream.finish(new EdisError('unreachable', `nobody is at ${address}`));
      } else if (!stream.closed) {
        this.#watchers.add(stream);
        stream.deliver({ kind: 'whole', topology: this.topology });
      }
    });
    return stream;
  }
}

function statsOf(node: FakeNode): NodeStats {
  const { shard } = node;
  return {
    node: node.node,
    shard: node.shardName,
    role: node.role,
    lastEntry: { epoch: shard.epoch, position: shard.position },
    syncedPosition: shard.position,
    visiblePosition: shard.position,
    viewPosition: shard.position,
    recordCount: shard.records.size,
    recordBytes: 0,
    contentHash: '',
    queueOperations: 0,
    queueBytes: 0,
    overlayBytes: 0,
    readCount: 0,
    writeCount: shard.writeCount,
    busyCount: 0,
    cacheHitCount: 0,
    cacheMissCount: 0,
    logBytes: 0,
    logFirstPosition: 0,
    lagEntries: 0,
    stalenessMs: node.stalenessMs,
    residentBytes: 0,
    followerCount: 0,
    operationsPerSecond: 0,
    repeatedCount: 0,
    snapshotCount: 0,
  };
}
