import { type Ack, type Consistency, decodeSessionToken, EdisError, networkOf, slotOf } from '@edis/core';
import { conditionOf, keyBytes } from './call-input.ts';
import type { Environment } from './environment.ts';
import { infoAddresses } from './info-addresses.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import type { OperationRunner } from './operation-runner.ts';
import {
  type CallOptions,
  type ClientConfig,
  checkAck,
  checkConsistency,
  checkOnReply,
  checkOptions,
  checkTimeoutMs,
  type GetOptions,
  type Key,
  type WriteOptions,
} from './options.ts';
import type { CallParts, ReadParts, WriteParts } from './pending-operation.ts';
import type { QueryCall, QueryContext } from './query-runner.ts';
import type { SessionView } from './session-view.ts';
import type { SingleCalls } from './single-calls.ts';
import type { TopologyWaits } from './topology-waits.ts';
import type { TopologyWatch } from './topology-watch.ts';
import type { CallLimits } from './transport.ts';
import type { WatchFeeds } from './watch-feeds.ts';

/** The machinery of one client, shared by all its views. */
export interface ClientParts {
  readonly config: ClientConfig;
  readonly watch: TopologyWatch;
  readonly waits: TopologyWaits;
  readonly runner: OperationRunner;
  readonly queries: QueryContext;
  readonly feeds: WatchFeeds;
  readonly calls: SingleCalls;
  readonly environment: Environment;
}

interface ConditionalOptions extends WriteOptions {
  readonly ifAbsent?: boolean | undefined;
  readonly ifVersion?: number | undefined;
}

/** As it travels. */
const maxUint32 = 0xffff_ffff;

/** Makes of what a caller gives what operations are made of, for one keyspace and one session (or none). */
export class CallContext {
  readonly parts: ClientParts;
  readonly scope: KeyspaceScope;
  readonly session: SessionView | undefined;
  readonly #consistency: Consistency;
  readonly #defaultRead: ReadParts;
  readonly #defaultWrite: WriteParts;

  constructor(parts: ClientParts, scope: KeyspaceScope, session: SessionView | undefined) {
    this.parts = parts;
    this.scope = scope;
    this.session = session;
    const { config } = parts;
    // In a session, weaker reads would defeat its purpose.
    this.#consistency = session === undefined || config.consistency === 'strong' ? config.consistency : 'session';
    this.#defaultRead = { consistency: this.#consistency, maxStalenessMs: 0, token: undefined };
    this.#defaultWrite = { ack: config.ack, condition: undefined };
  }

  callParts(key: Key, options: CallOptions | undefined): CallParts {
    const bytes = keyBytes(key);
    const { scope, session } = this;
    return { key: bytes, callerKey: key, slot: slotOf(bytes), timeoutMs: this.timeoutMs(options), scope, session };
  }

  timeoutMs(options: CallOptions | undefined): number {
    checkOptions(options);
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs === undefined) return this.parts.config.timeoutMs;
    checkTimeoutMs(timeoutMs);
    return timeoutMs;
  }

  writeParts(options: ConditionalOptions | undefined): WriteParts {
    if (options === undefined) return this.#defaultWrite;
    checkOptions(options);
    return { ack: this.#ackOf(options), condition: conditionOf(options) };
  }

  readParts(options: GetOptions | undefined): ReadParts {
    if (options === undefined) return this.#defaultRead;
    checkOptions(options);
    const { after, maxStalenessMs } = options;
    checkOnReply(options.onReply);
    const consistency = options.consistency ?? this.#impliedConsistency(options);
    checkConsistency(consistency);
    if (after !== undefined && consistency !== 'session') {
      throw new EdisError('invalid-argument', `after has no meaning with consistency ${consistency}; use session`);
    }
    if (consistency !== 'bounded') {
      if (maxStalenessMs !== undefined) {
        throw new EdisError(
          'invalid-argument',
          `maxStalenessMs has no meaning with consistency ${consistency}; use bounded`,
        );
      }
    } else if (maxStalenessMs === undefined || !(maxStalenessMs >= 0 && maxStalenessMs <= maxUint32)) {
      throw new EdisError('invalid-argument', 'consistency bounded needs maxStalenessMs, from 0 to 4294967295');
    }
    const { cluster } = this.parts.runner.routes.topology;
    const token = after === undefined ? undefined : decodeSessionToken(after, cluster);
    return { consistency, maxStalenessMs: Math.floor(maxStalenessMs ?? 0), token };
  }

  /** Where to ask for what only the info that decides can answer. */
  infoAddresses(): readonly string[] {
    const { config, runner, watch } = this.parts;
    const { topology } = runner.routes;
    const network = config.network ?? networkOf(topology, watch.dialledAddress);
    return infoAddresses(topology, config.infoAddresses, network);
  }

  callLimits(options: CallOptions | undefined): CallLimits {
    if (this.parts.runner.closed) throw new EdisError('closed', 'the client is closed; connect again');
    const timeoutMs = this.timeoutMs(options);
    return options?.signal === undefined ? { timeoutMs } : { timeoutMs, signal: options.signal };
  }

  /** @param what its name, for messages */
  queryCall(what: string, options: GetOptions | undefined): QueryCall {
    const { scope, session } = this;
    const timeoutMs = this.timeoutMs(options);
    const read = this.readParts(options);
    return { what, scope, session, read, timeoutMs, signal: options?.signal, onReply: options?.onReply };
  }

  /** Counts down the deadline of a call of several steps. */
  countdown(what: string, options: CallOptions | undefined): Countdown {
    return new Countdown(what, this.timeoutMs(options), this.parts.environment);
  }

  #ackOf(options: WriteOptions): Ack {
    const { ack } = options;
    if (ack === undefined) return this.parts.config.ack;
    checkAck(ack);
    return ack;
  }

  #impliedConsistency(options: GetOptions): Consistency {
    if (options.after !== undefined) return 'session';
    return options.maxStalenessMs === undefined ? this.#consistency : 'bounded';
  }
}

/** The deadline of a call of several steps. */
export class Countdown {
  readonly #what: string;
  readonly #timeoutMs: number;
  readonly #environment: Environment;
  readonly #endMs: number;

  constructor(what: string, timeoutMs: number, environment: Environment) {
    this.#what = what;
    this.#timeoutMs = timeoutMs;
    this.#environment = environment;
    this.#endMs = environment.nowMs() + timeoutMs;
  }

  /** What is left; not above 0: nothing. */
  get untilEndMs(): number {
    return this.#endMs - this.#environment.nowMs();
  }

  /** What is left; throws 'deadline' when it is nothing. */
  leftMs(): number {
    const leftMs = this.untilEndMs;
    if (leftMs > 0) return leftMs;
    throw this.error();
  }

  /** Says that nothing is left. */
  error(): EdisError {
    return new EdisError('deadline', `${this.#what} did not come to its end within ${this.#timeoutMs} ms`);
  }
}
