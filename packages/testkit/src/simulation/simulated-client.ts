import type { SessionCalls } from '@edis/checker';
import type {
  Ack,
  BatchRequest,
  BatchResponse,
  Condition,
  Operation,
  Outcome,
  Position,
  Shard,
  Topology,
} from '@edis/core';
import {
  applyDelta,
  comparePositions,
  defaultKeyspaceId,
  EdisError,
  encodeSessionToken,
  shardOfSlot,
  slotOf,
} from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { Incarnation } from './incarnation.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

/** Least time between two attempts of a call. */
const minRetryMs = 1;
const watchRetryMs = 200;
const writeIdBytes = 32;

export interface SimulatedClientOptions {
  readonly life: Incarnation;
  readonly network: SimulatedNetwork;
  readonly info: readonly string[];
  /** A call without an answer by then fails, its outcome unknown. */
  readonly timeoutMs: number;
  /** An attempt without an answer by then is given up, and its connection with it. */
  readonly attemptMs: number;
  /** Most time between two attempts. */
  readonly retryMs: number;
}

/** An answer, or none. */
type Reply =
  | { readonly kind: 'answer'; readonly outcome: Outcome; readonly epoch: number; readonly by: Served }
  | { readonly kind: 'lost' };

interface Served {
  readonly node: string;
  readonly role: 'primary' | 'replica' | 'learner';
  readonly shard: string;
  readonly stalenessMs: number;
}

type OmitRequest<T> = T extends Operation ? Omit<T, 'request' | 'keyspace' | 'key'> : never;
type Wanted = OmitRequest<Exclude<Operation, { readonly kind: 'atomic' | 'malformed' | 'expire' }>>;

/** What a call ended with, when a member answered it. */
interface Answered {
  readonly outcome: Outcome;
  readonly by: Served;
  readonly token: string;
}

/**
 * A client of a simulated cluster, as small as can be: it follows the map, sends one operation at a time, and repeats
 * it under its operation id until it has an answer or its time is over. Its calls are what a checker's workload makes.
 */
export class SimulatedClient {
  readonly #options: SimulatedClientOptions;
  readonly #members = new Map<string, MemberStream>();
  #topology: Topology | undefined;
  #infoIndex = 0;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
    this.#watch();
  }

  get topology(): Topology | undefined {
    return this.#topology;
  }

  session(): SimulatedSession {
    return new SimulatedSession(this, this.#options);
  }

  /** Who may be asked; undefined: not known yet. */
  shardOf(key: string): Shard | undefined {
    return this.#topology === undefined ? undefined : shardOfSlot(this.#topology, defaultKeyspaceId, slotOf(key));
  }

  /** One attempt. */
  ask(
    address: string,
    shard: Shard,
    write: { readonly client: string; readonly sequence: number },
    what: Operation,
  ): Promise<Reply> {
    let member = this.#members.get(address);
    if (member === undefined || member.closed) {
      member = new MemberStream(this.#options, address);
      this.#members.set(address, member);
    }
    const { client, sequence } = write;
    return member.ask(
      { shard: shard.shard, epoch: shard.epoch, revision: this.#topology?.revision ?? 0 },
      client,
      sequence,
      what,
    );
  }

  /** What a primary was asked that is none any more is asked of the next one, without waiting for an answer. */
  #learn(next: Topology): void {
    const deposed = this.#topology === undefined ? [] : primaryAddresses(this.#topology);
    this.#topology = next;
    const primaries = primaryAddresses(next);
    for (const address of deposed) if (!primaries.includes(address)) this.#members.get(address)?.close();
  }

  #watch(): void {
    const { network, info, life } = this.#options;
    const address = info[this.#infoIndex++ % info.length] ?? '';
    const channel = network.dial(address);
    channel.watchTopology().listen({
      onMessage: (update) => {
        const known = this.#topology;
        const next = update.kind === 'whole' ? update.topology : known && applyDelta(known, update.delta);
        if (next === undefined) channel.close();
        else if (known === undefined || next.revision >= known.revision) this.#learn(next);
      },
      onClose: () => {
        channel.close();
        life.timers.after(watchRetryMs, () => this.#watch());
      },
    });
  }
}

interface Routing {
  readonly shard: string;
  readonly epoch: number;
  readonly revision: number;
}

/** The stream to one member, and what waits for its answers. */
class MemberStream {
  readonly #options: SimulatedClientOptions;
  readonly #channel: SimulatedChannel;
  readonly #stream: MessageStream<BatchRequest, BatchResponse>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #served: Served = { node: '', role: 'learner', shard: '', stalenessMs: 0 };
  #request = 0;
  closed = false;

  constructor(options: SimulatedClientOptions, address: string) {
    this.#options = options;
    this.#channel = options.network.dial(address);
    this.#stream = this.#channel.batch();
    this.#stream.listen({ onMessage: (response) => this.#onMessage(response), onClose: () => this.close() });
  }

  ask({ shard, epoch, revision }: Routing, client: string, completedBelow: number, what: Operation): Promise<Reply> {
    this.#request += 1;
    const request = this.#request;
    return new Promise((resolve) => {
      const cancel = this.#options.life.timers.after(this.#options.attemptMs, () => this.close());
      this.#waiting.set(request, (reply) => {
        cancel();
        this.#waiting.delete(request);
        resolve(reply);
      });
      this.#stream.send({ revision, epoch, client, completedBelow, shard, operations: [{ ...what, request }] });
    });
  }

  #onMessage(response: BatchResponse): void {
    const { node, role = this.#served.role, shard, epoch, stalenessMs } = response;
    if (node !== '') this.#served = { node, role, shard, stalenessMs };
    const by = { ...this.#served, role, stalenessMs };
    for (const { request, outcome } of response.results) {
      this.#waiting.get(request)?.({ kind: 'answer', outcome, epoch, by });
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const answer of [...this.#waiting.values()]) answer({ kind: 'lost' });
    this.#channel.close();
  }
}

/** One caller: it reads what it wrote and never an older state than it saw. */
class SimulatedSession implements SessionCalls {
  readonly #client: SimulatedClient;
  readonly #options: SimulatedClientOptions;
  readonly #id: string;
  readonly #positions = new Map<string, Position>();
  #sequence = 0;

  constructor(client: SimulatedClient, options: SimulatedClientOptions) {
    this.#client = client;
    this.#options = options;
    this.#id = Buffer.from(options.life.newId(writeIdBytes), 'hex').toString('latin1');
  }

  get: SessionCalls['get'] = async (key, { consistency = 'strong', maxStalenessMs = 0 }) => {
    const after = this.#positions.get(this.#client.shardOf(key)?.shard ?? '');
    const wanted = { kind: 'get', consistency, after, maxStalenessMs, omitValue: false } as const;
    const { outcome, by, token } = await this.#call(key, wanted, consistency === 'strong');
    if (outcome.kind !== 'found') return undefined;
    const { value, version } = outcome;
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    return { value: bytes, version, shard: by.shard, token, servedBy: by, stalenessMs: by.stalenessMs };
  };

  put: SessionCalls['put'] = async (key, value, { ack = 'quorum', ifAbsent = false, ifVersion }) => {
    const condition = ifAbsent
      ? ({ kind: 'absent' } as const)
      : ifVersion === undefined
        ? undefined
        : ({ kind: 'version', version: ifVersion } as const);
    const content = { value: Buffer.from(value), metadata: undefined, ttlMs: 0, expiresAtMs: 0 };
    return appliedOf(await this.#write(key, { kind: 'put', ...content, ...this.#head(ack, condition) }));
  };

  delete: SessionCalls['delete'] = async (key, { ack = 'quorum', ifVersion }) => {
    const condition = ifVersion === undefined ? undefined : ({ kind: 'version', version: ifVersion } as const);
    const answered = await this.#write(key, { kind: 'delete', ...this.#head(ack, condition) });
    return { ...appliedOf(answered), existed: answered.outcome.kind === 'deleted' && answered.outcome.existed };
  };

  increment: SessionCalls['increment'] = async (key, by, { ack = 'quorum' }) => {
    const answered = await this.#write(key, { kind: 'increment', by: BigInt(by), ...this.#head(ack, undefined) });
    if (answered.outcome.kind !== 'incremented') throw unexpected(answered.outcome);
    return { ...appliedOf(answered), value: answered.outcome.value };
  };

  append: SessionCalls['append'] = async (key, value, { ack = 'quorum' }) => {
    const wanted = { kind: 'append', value: Buffer.from(value), ...this.#head(ack, undefined) } as const;
    const answered = await this.#write(key, wanted);
    if (answered.outcome.kind !== 'appended') throw unexpected(answered.outcome);
    return { ...appliedOf(answered), length: answered.outcome.length };
  };

  #head(ack: Ack, condition: Condition | undefined) {
    this.#sequence += 1;
    return { sequence: this.#sequence, firstSentTimestamp: 0, ack, condition };
  }

  #write(key: string, wanted: Wanted): Promise<Answered> {
    return this.#call(key, wanted, true);
  }

  /** Attempt after attempt, until there is an answer that counts as one. */
  async #call(key: string, wanted: Wanted, atPrimary: boolean): Promise<Answered> {
    const { life, timeoutMs } = this.#options;
    const endMs = life.monotonicMs() + timeoutMs;
    const isWrite = wanted.kind !== 'get';
    let mustAskPrimary = atPrimary;
    let mayBeApplied = false;
    while (life.monotonicMs() < endMs) {
      const shard = this.#client.shardOf(key);
      const address = shard && this.#addressIn(shard, mustAskPrimary);
      if (shard !== undefined && address !== undefined) {
        const identity = { client: isWrite ? this.#id : '', sequence: this.#sequence };
        const reply = await this.#client.ask(address, shard, identity, { ...wanted, request: 0, keyspace: 1, key });
        if (reply.kind === 'answer' && finalKinds.has(reply.outcome.kind)) return this.#answered(reply);
        if (reply.kind === 'lost' || reply.outcome.kind === 'unavailable') mayBeApplied ||= isWrite;
        if (reply.kind === 'answer' && reply.outcome.kind === 'too-old') throw tooOld();
        if (reply.kind === 'answer' && reply.outcome.kind === 'no-quorum' && !mayBeApplied) throw noQuorum();
        mustAskPrimary ||= reply.kind === 'answer';
      }
      await this.#pause();
    }
    throw new EdisError('deadline', `no answer within ${timeoutMs} ms`, { outcomeUnknown: mayBeApplied });
  }

  #answered({ outcome, epoch, by }: Extract<Reply, { readonly kind: 'answer' }>): Answered {
    const position = 'position' in outcome ? outcome.position : 0;
    const seen = { epoch, position };
    const known = this.#positions.get(by.shard);
    if (position !== 0 && (known === undefined || comparePositions(seen, known) > 0))
      this.#positions.set(by.shard, seen);
    const cluster = this.#client.topology?.cluster ?? '';
    const token = encodeSessionToken({ cluster, positions: position === 0 ? new Map() : new Map([[by.shard, seen]]) });
    return { outcome, by, token };
  }

  #addressIn(shard: Shard, primary: boolean): string | undefined {
    const candidates = shard.members.filter(({ store, role }) => {
      return primary ? store === shard.primary : role !== 'learner';
    });
    return candidates[Math.floor(this.#options.life.random() * candidates.length)]?.endpoints[0]?.address;
  }

  #pause(): Promise<void> {
    const { life, retryMs } = this.#options;
    return new Promise((resolve) => {
      life.timers.after(minRetryMs + life.random() * retryMs, resolve);
    });
  }
}

function primaryAddresses({ shards }: Topology): string[] {
  return shards.flatMap(({ members, primary }) => {
    const leader = members.find(({ store }) => store === primary);
    return leader?.endpoints.map(({ address }) => address) ?? [];
  });
}

/** Nothing is gained by asking again. */
const finalKinds: ReadonlySet<Outcome['kind']> = new Set([
  'put',
  'deleted',
  'incremented',
  'appended',
  'found',
  'not-found',
  'condition-failed',
  'invalid',
]);

function appliedOf({ outcome, by, token }: Answered) {
  if (outcome.kind === 'invalid') throw new EdisError('invalid-argument', outcome.message);
  const version = 'version' in outcome && outcome.version !== 0 ? outcome.version : undefined;
  return { applied: outcome.kind !== 'condition-failed', version, shard: by.shard, token };
}

function unexpected(outcome: Outcome): EdisError {
  return new EdisError('protocol', `the answer ${outcome.kind} does not fit the question`);
}

function tooOld(): EdisError {
  return new EdisError('too-old', 'the outcome was forgotten', { outcomeUnknown: true });
}

function noQuorum(): EdisError {
  return new EdisError('no-quorum', 'the shard has too few members');
}
