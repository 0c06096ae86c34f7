import type {
  Ack,
  AppendOperation,
  AtomicOperation,
  BatchRequest,
  Condition,
  Configuration,
  DeleteOperation,
  ExpireOperation,
  GetOperation,
  IncrementOperation,
  Keyspace,
  Outcome,
  PutOperation,
  SingleWriteOperation,
  StoreId,
  Timers,
  Topology,
  WriteOperation,
} from '@edis/core';
import { defaultKeyspaceSettings, quorumOf, slotCount } from '@edis/core';
import { createLogger } from '@edis/process';
import type { Store, StoreOptions } from '@edis/store';
import { FakeWorld } from '@edis/store/testing';
import { BatchRunner } from './batch-runner.ts';
import { Counters } from './counters.ts';
import type { Ownership } from './ownership.ts';
import type { PrimarySideParts } from './primary-side.ts';
import { PrimarySide } from './primary-side.ts';
import { Reader } from './reader.ts';
import type { ResultSink } from './result-sink.ts';

/** What the tests of this package share: a primary on a forgetful disk whose syncs can be held up. */
export const silent = createLogger({ name: 'test', level: 'silent' });

export const clientId = '0123456789abcdef';

/** Many clients at once: writes of one turn are collected until its end. */
const manyClients = 1000;

export interface WriteChange {
  readonly request?: number;
  readonly keyspace?: number;
  readonly ack?: Ack;
  readonly condition?: Condition | undefined;
  readonly sequence?: number;
  readonly firstSentTimestamp?: number;
}

const writeDefaults = {
  request: 0,
  keyspace: 0,
  sequence: 0,
  firstSentTimestamp: 0,
  ack: 'memory',
  condition: undefined,
} as const;

export function put(key: string, value: string | Uint8Array, change: WriteChange = {}): PutOperation {
  return { ...writeDefaults, kind: 'put', key, value, metadata: undefined, ttlMs: 0, expiresAtMs: 0, ...change };
}

export function increment(key: string, by = 1n, change: WriteChange = {}): IncrementOperation {
  return { ...writeDefaults, kind: 'increment', key, by, ...change };
}

export function append(key: string, value: string | Uint8Array, change: WriteChange = {}): AppendOperation {
  return { ...writeDefaults, kind: 'append', key, value, ...change };
}

export function expire(key: string, ttlMs: number, change: WriteChange = {}): ExpireOperation {
  return { ...writeDefaults, kind: 'expire', key, ttlMs, ...change };
}

/** Its writes have the numbers and the ack of the first. */
export function atomic(writes: readonly SingleWriteOperation[], change: WriteChange = {}): AtomicOperation {
  const { keyspace = 0, sequence = 0 } = change;
  const numbered = writes.map((write, index) => ({
    ...write,
    ...change,
    request: index,
    sequence: sequence === 0 ? 0 : sequence + index,
  }));
  return { kind: 'atomic', request: 0, keyspace, key: writes[0]?.key ?? '', writes: numbered };
}

export function del(key: string, change: WriteChange = {}): DeleteOperation {
  return { ...writeDefaults, kind: 'delete', key, ...change };
}

export function get(key: string, change: Partial<GetOperation> = {}): GetOperation {
  const defaults = { request: 0, keyspace: 0, after: undefined, maxStalenessMs: 0, omitValue: false } as const;
  return { ...defaults, kind: 'get', key, consistency: 'strong', ...change };
}

export function batchOf(change: Partial<BatchRequest> = {}): BatchRequest {
  return { revision: 0, epoch: 0, client: '', completedBelow: 0, shard: '', operations: [], ...change };
}

/** All of it belongs to s1. */
export function keyspaceOf(id: number, name: string): Keyspace {
  const slots = [{ from: 0, to: slotCount - 1, shard: 's1' }];
  return { id, name, strategy: 'hash', settings: { ...defaultKeyspaceSettings, defaultTtlMs: id * 100 }, slots };
}

export function topologyOf(revision: number, others: readonly Keyspace[] = []): Topology {
  const endpoints = [{ network: '', address: 'localhost:1' }];
  const member = { node: 'n', store: 'store-1', role: 'primary', alive: true, endpoints, host: '', pid: 0 } as const;
  return {
    cluster: 'cluster-1',
    revision,
    formed: true,
    initialShards: 1,
    infos: [],
    keyspaces: [keyspaceOf(1, 'default'), ...others],
    shards: [{ shard: 's1', epoch: 1, primary: 'store-1', configuredSize: 1, members: [member], voters: ['store-1'] }],
  };
}

/** Keeps what was sent, in order; what was delivered counts only after the flush. */
export class RecordingSink implements ResultSink {
  readonly share = { operations: 0 };
  readonly sent: { readonly request: number; readonly outcome: Outcome }[] = [];
  #delivered: { readonly request: number; readonly outcome: Outcome }[] = [];

  deliver(request: number, outcome: Outcome): void {
    this.#delivered.push({ request, outcome });
  }

  flush(): void {
    this.sent.push(...this.#delivered.splice(0));
  }

  of(request: number): Outcome | undefined {
    return this.sent.find((result) => result.request === request)?.outcome;
  }

  kinds(): Outcome['kind'][] {
    return this.sent.map(({ outcome }) => outcome.kind);
  }
}

/** Holds syncs up until they are let through. */
export class SyncGate {
  #closed = false;
  #waiting: (() => void)[] = [];

  readonly beforeSync = async (): Promise<void> => {
    if (!this.#closed) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  };

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The current turn of the event loop, and what it has scheduled, is over. */
export async function turns(count = 4): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** None of them is ever due. */
const stillTimers: Timers = Object.freeze({ after: () => () => {}, every: () => () => {} });

/** Of s1, under `self`. Two members were meant: one alone is no quorum. */
export function configurationOf(
  self: StoreId,
  epoch: number,
  others: readonly StoreId[] = [],
  change: Partial<Configuration> = {},
): Configuration {
  const members = [self, ...others];
  return {
    shard: 's1',
    epoch,
    primarySince: epoch,
    primary: self,
    members,
    quorum: quorumOf(members.length),
    configuredSize: Math.max(2, members.length),
    primaryEndpoints: [],
    leaseMs: 2000,
    ...change,
  };
}

export interface PrimaryBedOptions {
  readonly world?: FakeWorld;
  readonly gate?: SyncGate;
  readonly store?: Partial<StoreOptions>;
  readonly parts?: Partial<PrimarySideParts>;
  readonly epoch?: number;
  /** Members beside the primary. */
  readonly others?: readonly StoreId[];
  readonly configuration?: Partial<Configuration>;
  /** Known before it is active. */
  readonly topology?: Topology;
}

/** A primary that is active, without server and info. */
export class PrimaryBed {
  readonly gate: SyncGate;
  readonly world: FakeWorld;
  readonly store: Store;
  readonly side: PrimarySide;
  readonly configuration: Configuration;
  readonly sink = new RecordingSink();
  readonly counters = new Counters();
  wallMs = Date.UTC(2026, 0, 1);
  #requests = 0;

  static async open(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
    const bed = await PrimaryBed.begin(options);
    while (!bed.side.active) await turns(1);
    return bed;
  }

  /** It has opened its epoch, which need not be safe on a quorum yet. */
  static async begin(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
    const gate = options.gate ?? new SyncGate();
    const world = options.world ?? new FakeWorld({ beforeSync: gate.beforeSync });
    const store = await world.open(options.store);
    await store.saveIdentity({ cluster: 'cluster-1', shard: 's1' });
    const epoch = options.epoch ?? store.lastEntry.epoch + 1;
    const configuration = configurationOf(store.identity.store, epoch, options.others, options.configuration);
    const bed = new PrimaryBed(gate, world, store, { configuration, ...options.parts });
    if (options.topology !== undefined) bed.side.onTopology(options.topology, false);
    bed.side.start();
    return bed;
  }

  private constructor(
    gate: SyncGate,
    world: FakeWorld,
    store: Store,
    parts: Pick<PrimarySideParts, 'configuration'> & Partial<PrimarySideParts>,
  ) {
    this.gate = gate;
    this.world = world;
    this.store = store;
    this.configuration = parts.configuration;
    this.side = new PrimarySide({
      store,
      counters: this.counters,
      logger: silent,
      timers: stillTimers,
      queueOperations: 10_000,
      queueBytes: 64 * 1024 * 1024,
      overlayBytesMax: 64 * 1024 * 1024,
      clientCount: () => manyClients,
      wallMs: () => this.wallMs,
      monotonicMs: () => performance.now(),
      cluster: () => store.identity.cluster,
      shard: () => store.identity.shard,
      onActive: () => {},
      onShown: () => {},
      onPropose: () => {},
      onHandedOver: () => {},
      ...parts,
    });
    store.onSynced((position) => this.side.onSynced(position));
    store.onFailed((error) => this.side.onFailed(error));
  }

  /** Hands a write in and returns its number; an outcome at once is delivered, too. */
  write(operation: WriteOperation, batch: Partial<BatchRequest> = {}): number {
    const request = operation.request === 0 ? ++this.#requests : operation.request;
    const origin = { sink: this.sink, batch: batchOf(batch) };
    const { writer } = this.side;
    const outcome =
      operation.kind === 'atomic'
        ? writer.enqueueAtomic({ ...operation, request }, [], origin)
        : writer.enqueue({ ...operation, request }, 0, origin);
    if (outcome !== undefined) {
      this.sink.deliver(request, outcome);
      this.sink.flush();
    }
    return request;
  }

  /** Hands a write in and waits for its outcome. */
  async settle(operation: WriteOperation, batch: Partial<BatchRequest> = {}): Promise<Outcome> {
    const request = this.write(operation, batch);
    for (;;) {
      const outcome = this.sink.of(request);
      if (outcome !== undefined) return outcome;
      await turns(1);
    }
  }

  /** Hands operations on as a member does. */
  runner(ownership: Ownership, takesWrites = true): BatchRunner {
    const reader = new Reader({
      store: this.store,
      role: this.side,
      counters: this.counters,
      sessionWaitMs: 0,
      timers: stillTimers,
      monotonicMs: () => performance.now(),
      wallMs: () => this.wallMs,
      onDamaged: () => {},
    });
    const writer = () => (takesWrites ? this.side.writer : undefined);
    return new BatchRunner({ ownership, reader, writer, epoch: () => this.side.epoch });
  }

  valueOf(key: string): unknown {
    return this.store.lookup(1, key, 'newest').record?.value;
  }
}
