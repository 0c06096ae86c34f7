/**
 * Asks one member of a shard a question about many records, and asks again until there is an answer.
 *
 * Guarantees: an answer is as fresh as was asked for, and what it shows counts as seen by the client and its session;
 * one that never comes ends at the deadline, with an error that says what stood in the way; the caller's signal ends it
 * at once. A query has no effect, so it may be repeated anywhere at any time.
 */
import {
  type BackoffLimits,
  backoffMs,
  EdisError,
  type ErrorCode,
  type Keyspace,
  type QueryFooter,
  type QueryHead,
  type QueryRefusal,
  type ShardId,
  type Topology,
  unreachable,
} from '@edis/core';
import type { Changes } from './changes.ts';
import type { Environment } from './environment.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import type { NodeConnection } from './node-connection.ts';
import type { OnReply } from './options.ts';
import type { ReadParts } from './pending-operation.ts';
import type { QueryChannels } from './query-channels.ts';
import { pause } from './query-pause.ts';
import type { Answer } from './results.ts';
import type { RouteTable } from './route-table.ts';
import type { SessionView } from './session-view.ts';
import type { ShardRoute } from './shard-route.ts';
import type { CallLimits, QueryChannel } from './transport.ts';

/** The machinery that all queries of a client share. */
export interface QueryContext {
  readonly routes: RouteTable;
  readonly environment: Environment;
  readonly channels: QueryChannels;
  /** Who failed before may answer now. */
  readonly changes: Changes;
  /** Takes a map that an answer brought. */
  offer(topology: Topology): void;
}

/** What one call asks for, apart from its question. */
export interface QueryCall {
  /** For messages. */
  readonly what: string;
  readonly scope: KeyspaceScope;
  /** Undefined: the client itself. */
  readonly session: SessionView | undefined;
  readonly read: ReadParts;
  /** Of each page; of a count, of the whole. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onReply: OnReply | undefined;
}

/** Sends one question; `head` says to whom, and how fresh. */
export type Question<Page> = (
  channel: QueryChannel,
  head: QueryHead,
  limits: CallLimits,
) => Promise<Page | QueryRefusal>;

/** A page and who gave it. */
export interface Answered<Page> {
  readonly page: Page;
  readonly answer: Answer;
  /** At which the answering node was reached. */
  readonly address: string;
}

/** What stands in the way, for the message of a deadline. */
interface Hindrance {
  readonly code: ErrorCode;
  readonly why: string;
  readonly cause?: EdisError | undefined;
  /** 0: as the number of attempts says. */
  readonly retryAfterMs: number;
}

type Attempt<Page> =
  | { readonly kind: 'answered'; readonly answered: Answered<Page> }
  | { readonly kind: 'again' }
  | { readonly kind: 'wait'; readonly hindrance: Hindrance };

const again = Object.freeze({ kind: 'again' });
/** Between attempts that nobody gave a time for. */
const retryLimits: BackoffLimits = { baseMs: 20, maxMs: 500 };
/** As long as this without an answer is no sign of illness, whatever the deadline. */
const minAttemptMs = 1_500;

interface Footed {
  readonly kind: 'records' | 'groups';
  readonly footer: QueryFooter;
}

/** The shards that have records of a keyspace; waits for the cluster to be formed. */
export async function shardsOf(context: QueryContext, call: QueryCall): Promise<KeyspaceShards> {
  const endMs = context.environment.nowMs() + call.timeoutMs;
  for (let attempt = 0; ; attempt++) {
    if (context.channels.closed) throw closedError();
    if (call.signal?.aborted === true) throw abortedError(call);
    const keyspace = context.routes.keyspaceOf(call.scope);
    if (keyspace === undefined) throw context.routes.noSuchKeyspace(call.scope);
    const shards = [...new Set(keyspace.slots.map((range) => range.shard))];
    if (shards.length > 0) return { keyspace, shards };
    const leftMs = endMs - context.environment.nowMs();
    if (leftMs <= 0) {
      const why = 'the cluster is not formed; start the write shards that it waits for';
      throw new EdisError('not-formed', `${call.what} failed after ${call.timeoutMs} ms: ${why}`);
    }
    const delayMs = backoffMs(attempt, retryLimits, context.environment.random());
    await pause(context.environment, Math.min(delayMs, leftMs), call.signal);
  }
}

export interface KeyspaceShards {
  readonly keyspace: Keyspace;
  readonly shards: readonly ShardId[];
}

/**
 * Asks until one member of the shard has answered.
 * @param endMs when it is given up; the deadline of the call, counted from now, unless the call has begun before
 */
export async function askShard<Page extends Footed>(
  context: QueryContext,
  call: QueryCall,
  shard: ShardId,
  question: Question<Page>,
  endMs: number = context.environment.nowMs() + call.timeoutMs,
): Promise<Answered<Page>> {
  return new ShardQuery(context, call, shard, question, endMs).run();
}

class ShardQuery<Page extends Footed> {
  readonly #context: QueryContext;
  readonly #call: QueryCall;
  readonly #shard: ShardId;
  readonly #question: Question<Page>;
  readonly #endMs: number;
  /** A replica sent the question on. */
  #toPrimary = false;

  constructor(context: QueryContext, call: QueryCall, shard: ShardId, question: Question<Page>, endMs: number) {
    this.#context = context;
    this.#call = call;
    this.#shard = shard;
    this.#question = question;
    this.#endMs = endMs;
  }

  async run(): Promise<Answered<Page>> {
    const { environment } = this.#context;
    const { signal } = this.#call;
    let known: Hindrance | undefined;
    for (let waits = 0; ; ) {
      this.#checkWanted();
      const attempt = await this.#attempt();
      if (attempt.kind === 'answered') return attempt.answered;
      if (attempt.kind === 'again') continue;
      // That there was no time for a last attempt says less than what stood in the way before.
      const hindrance = attempt.hindrance.code === 'deadline' ? (known ?? attempt.hindrance) : attempt.hindrance;
      known = hindrance;
      const random = environment.random();
      const delayMs =
        hindrance.retryAfterMs > 0
          ? hindrance.retryAfterMs * (1 + random)
          : Math.max(1, backoffMs(waits, retryLimits, random));
      waits += 1;
      const leftMs = this.#endMs - environment.nowMs();
      const isAwaited = hindrance.retryAfterMs === 0;
      const { changes } = this.#context;
      await pause(environment, Math.max(0, Math.min(delayMs, leftMs)), signal, isAwaited ? changes : undefined);
      this.#checkWanted();
      if (delayMs >= leftMs && environment.nowMs() >= this.#endMs - 1) throw this.#deadlineError(hindrance);
      this.#toPrimary = false;
    }
  }

  /** Throws when nobody waits for the answer any more. */
  #checkWanted(): void {
    if (this.#context.channels.closed) throw closedError();
    if (this.#call.signal?.aborted === true) throw abortedError(this.#call);
  }

  async #attempt(): Promise<Attempt<Page>> {
    const { routes, channels, environment } = this.#context;
    const keyspace = routes.keyspaceOf(this.#call.scope);
    if (keyspace === undefined) throw routes.noSuchKeyspace(this.#call.scope);
    const route = routes.shardRoutes.find((candidate) => candidate.shard === this.#shard);
    const target = route === undefined ? undefined : this.#pick(route);
    if (route === undefined || target === undefined) {
      return this.#wait('unreachable', `the map has nobody who could answer for ${this.#shard}`);
    }
    const leftMs = this.#endMs - environment.nowMs();
    if (leftMs <= 0) return this.#wait('deadline', `${nameOf(target)} did not answer`);
    const { signal } = this.#call;
    const timeoutMs = this.#attemptMs(route, target, leftMs);
    const limits: CallLimits = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const head = this.#head(route, keyspace);
    let response: Page | QueryRefusal;
    try {
      response = await channels.use(target.address, (channel) => this.#question(channel, head, limits));
    } catch (error) {
      return this.#onFailure(EdisError.from(error), route, target);
    }
    if (isPage(response)) return { kind: 'answered', answered: this.#see(response, route, target) };
    return this.#onRefusal(response, target === route.primary, target);
  }

  #head(route: ShardRoute, keyspace: Keyspace): QueryHead {
    const { consistency, maxStalenessMs, token } = this.#call.read;
    const { session } = this.#call;
    const after = session === undefined ? route.after(token) : session.after(route.cluster, route.shard, token);
    return {
      shard: route.shard,
      epoch: route.epoch,
      revision: this.#context.routes.topology.revision,
      keyspace: keyspace.id,
      consistency,
      after: consistency === 'session' ? after : undefined,
      maxStalenessMs,
    };
  }

  /** The primary for what only it can answer, else the next replica that is well. */
  #pick(route: ShardRoute): NodeConnection | undefined {
    const { channels } = this.#context;
    const { primary, replicas } = route;
    if (this.#call.read.consistency === 'strong') return primary;
    const isWell = (connection: NodeConnection | undefined): boolean =>
      connection !== undefined && channels.isWell(connection.address);
    // A primary that is away cannot help a question that a replica has passed on; another replica may.
    if (this.#toPrimary && isWell(primary)) return primary;
    for (let tried = 0; tried <= replicas.length; tried++) {
      const picked = route.pickReader();
      if (isWell(picked)) return picked;
    }
    if (isWell(primary)) return primary;
    return replicas.find(isWell) ?? route.pickReader() ?? primary;
  }

  /** A node that may be stuck is not given all the time when another one could answer. */
  #attemptMs(route: ShardRoute, target: NodeConnection, leftMs: number): number {
    const { channels } = this.#context;
    if (this.#call.read.consistency === 'strong') return leftMs;
    const others = [route.primary, ...route.replicas].filter((each) => each !== undefined && each !== target);
    if (!others.some((each) => each !== undefined && channels.isWell(each.address))) return leftMs;
    return Math.min(leftMs, Math.max(minAttemptMs, leftMs / 2));
  }

  #see(page: Page, route: ShardRoute, target: NodeConnection): Answered<Page> {
    const { node, position, stalenessMs } = page.footer;
    const place = route.see(position.epoch, position.position);
    this.#call.session?.see(place);
    const { role } = target.servedBy;
    return {
      page,
      answer: { place, servedBy: { node, role, shard: route.shard }, stalenessMs },
      address: target.address,
    };
  }

  #onFailure(error: EdisError, route: ShardRoute, target: NodeConnection): Attempt<Page> {
    const { channels } = this.#context;
    this.#checkWanted();
    if (error.code === 'invalid-argument' || error.code === 'protocol') throw error;
    channels.setUnwell(target.address);
    const next = this.#pick(route);
    if (next !== undefined && channels.isWell(next.address)) return again;
    const code = error.code === 'deadline' ? 'deadline' : 'unreachable';
    return this.#wait(code, `${nameOf(target)} could not answer: ${error.message}`, error);
  }

  #onRefusal(refusal: QueryRefusal, atPrimary: boolean, target: NodeConnection): Attempt<Page> {
    const node = nameOf(target);
    switch (refusal.kind) {
      case 'wrong-shard': {
        const { routes } = this.#context;
        const revision = routes.topology.revision;
        if (refusal.topology !== undefined) this.#context.offer(refusal.topology);
        if (routes.topology.revision > revision) return again;
        return this.#wait('unreachable', `${node} does not answer for ${this.#shard}, and no newer map came`);
      }
      case 'not-primary':
        return this.#passedOn(atPrimary, 'unreachable', `${node} is not the primary (yet), and no newer map came`);
      case 'too-stale':
        return this.#passedOn(atPrimary, 'unreachable', 'no node is as fresh as was asked for');
      case 'unavailable':
        this.#context.channels.setUnwell(target.address);
        return this.#passedOn(atPrimary, 'unreachable', `${node} could not answer: ${refusal.message}`);
      case 'busy': {
        const retryAfterMs = Math.max(1, refusal.retryAfterMs);
        const why = `${node} has no room (${refusal.cause}); ask less or later`;
        return { kind: 'wait', hindrance: { code: 'busy', why, retryAfterMs } };
      }
      case 'invalid': {
        const code = refusal.cause === 'no-such-keyspace' ? 'no-such-keyspace' : 'invalid-argument';
        throw new EdisError(code, refusal.message);
      }
      default:
        return unreachable(refusal);
    }
  }

  /** What a replica cannot answer, its primary can, unless it was asked already. */
  #passedOn(atPrimary: boolean, code: ErrorCode, why: string): Attempt<Page> {
    if (atPrimary || this.#toPrimary) return this.#wait(code, why);
    this.#toPrimary = true;
    return again;
  }

  #wait(code: ErrorCode, why: string, cause?: EdisError): Attempt<Page> {
    return { kind: 'wait', hindrance: { code, why, cause, retryAfterMs: 0 } };
  }

  #deadlineError({ code, why, cause, retryAfterMs }: Hindrance): EdisError {
    const message = `${this.#call.what} failed after ${this.#call.timeoutMs} ms: ${why}`;
    return new EdisError(code, message, retryAfterMs > 0 ? { cause, retryAfterMs } : { cause });
  }
}

function isPage<Page extends Footed>(response: Page | QueryRefusal): response is Page {
  return response.kind === 'records' || response.kind === 'groups';
}

function nameOf(connection: NodeConnection): string {
  return `${connection.node} at ${connection.address}`;
}

function closedError(): EdisError {
  return new EdisError('closed', 'the client was closed before the query ended');
}

function abortedError(call: QueryCall): EdisError {
  return new EdisError('aborted', `${call.what} was aborted by its caller`, { cause: call.signal?.reason });
}
