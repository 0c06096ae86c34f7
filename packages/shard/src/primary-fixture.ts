import type { Ack, BatchRequest, Condition, DeleteOperation, GetOperation, Outcome, PutOperation } from '@edis/core';
import { createLogger } from '@edis/process';
import type { Store, StoreOptions } from '@edis/store';
import { FakeWorld } from '@edis/store/testing';
import { Acknowledgements } from './acknowledgements.ts';
import { Counters } from './counters.ts';
import type { PrimarySideParts } from './primary-side.ts';
import { PrimarySide } from './primary-side.ts';
import type { ResultSink } from './result-sink.ts';

/** What the tests of this package share: a primary on a forgetful disk whose syncs can be held up. */
export const silent = createLogger({ name: 'test', level: 'silent' });

export const clientId = '0123456789abcdef';

/** Many clients at once: writes of one turn are collected until its end. */
const manyClients = 1000;

export interface WriteChange {
  readonly request?: number;
  readonly ack?: Ack;
  readonly condition?: Condition;
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
  return { ...writeDefaults, kind: 'put', key, value, metadata: undefined, ...change };
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

/** Keeps what was sent, in order; what was delivered counts only after the flush. */
export class RecordingSink implements ResultSink {
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
class SyncGate {
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

export interface PrimaryBedOptions {
  readonly world?: FakeWorld;
  readonly gate?: SyncGate;
  readonly store?: Partial<StoreOptions>;
  readonly parts?: Partial<PrimarySideParts>;
  readonly epoch?: number;
}

/** A primary that is active, without server and info. */
export class PrimaryBed {
  readonly gate: SyncGate;
  readonly world: FakeWorld;
  readonly store: Store;
  readonly side: PrimarySide;
  readonly sink = new RecordingSink();
  readonly acknowledgements = new Acknowledgements();
  readonly counters = new Counters();
  wallMs = Date.UTC(2026, 0, 1);
  #requests = 0;

  static async open(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
    const gate = options.gate ?? new SyncGate();
    const world = options.world ?? new FakeWorld({ beforeSync: gate.beforeSync });
    const store = await world.open(options.store);
    await store.saveIdentity({ cluster: 'cluster-1', shard: 's1' });
    const bed = new PrimaryBed(gate, world, store, options.parts);
    bed.activate(options.epoch ?? store.lastEntry.epoch + 1);
    while (!bed.side.active) await turns(1);
    return bed;
  }

  private constructor(gate: SyncGate, world: FakeWorld, store: Store, parts: Partial<PrimarySideParts> = {}) {
    this.gate = gate;
    this.world = world;
    this.store = store;
    this.side = new PrimarySide({
      store,
      acknowledgements: this.acknowledgements,
      counters: this.counters,
      logger: silent,
      queueOperations: 10_000,
      queueBytes: 64 * 1024 * 1024,
      clientCount: () => manyClients,
      wallMs: () => this.wallMs,
      monotonicMs: () => performance.now(),
      cluster: () => store.identity.cluster,
      shard: () => store.identity.shard,
      onActive: () => {},
      ...parts,
    });
    store.onSynced((position) => this.side.onSynced(position));
    store.onFailed((error) => this.side.onFailed(error));
  }

  activate(epoch: number): void {
    const { store } = this.store.identity;
    const shape = { shard: 's1', members: [store], quorum: 1, configuredSize: 1, primaryEndpoints: [] };
    this.side.onConfiguration({ ...shape, epoch, primary: store });
  }

  /** Hands a write in and returns its number; an outcome at once is delivered, too. */
  write(operation: PutOperation | DeleteOperation, batch: Partial<BatchRequest> = {}): number {
    const request = operation.request === 0 ? ++this.#requests : operation.request;
    const origin = { sink: this.sink, batch: batchOf(batch) };
    const outcome = this.side.writer.enqueue({ ...operation, request }, 0, origin);
    if (outcome !== undefined) {
      this.sink.deliver(request, outcome);
      this.sink.flush();
    }
    return request;
  }

  /** Hands a write in and waits for its outcome. */
  async settle(operation: PutOperation | DeleteOperation, batch: Partial<BatchRequest> = {}): Promise<Outcome> {
    const request = this.write(operation, batch);
    for (;;) {
      const outcome = this.sink.of(request);
      if (outcome !== undefined) return outcome;
      await turns(1);
    }
  }

  valueOf(key: string): unknown {
    return this.store.lookup(1, key, 'newest').record?.value;
  }
}
