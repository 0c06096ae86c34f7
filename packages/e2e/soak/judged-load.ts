/**
 * Callers who work on keys of their own while faults happen, and the judgement of what they saw.
 *
 * Assumes: `judge` is called when nothing is wrong any more and all members have caught up with their primary, so that
 * what was discarded stands in receipts and all members must be level.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type HistoryOperation,
  HistoryRecorder,
  type Judgement,
  judge,
  type Loss,
  type MemberDump,
  Random,
  runWorkload,
  type SessionCalls,
  showOperation,
  Workload,
} from '@edis/checker';
import { lookAtMembers, readLast } from '@edis/cli';
import type { Client } from '@edis/client';
import type { Ack } from '@edis/core';
import { waitFor } from '@edis/testkit';

export interface JudgedLoadOptions {
  readonly seed: number;
  /** Begins every key: what an earlier load left under way is not seen by a later one. */
  readonly prefix: string;
  /** Those through which callers work, in turn; each caller has a session of its own. */
  readonly clients: readonly Client[];
  /** Reads at the end and compares the members. */
  readonly observer: Client;
  readonly callers: number;
  readonly acks: readonly (readonly [Ack, number])[];
  /** Mean pause between two calls of one caller: the machine is to have time for faults. */
  readonly pauseMs: number;
}

export interface JudgedHistory extends Judgement {
  readonly history: readonly HistoryOperation[];
  /** When all members were level. */
  readonly levelMs: number;
}

const recordKeys = 24;
const sumKeys = 8;
/** A bounded read may be that old. */
const maxStalenessMs = 500;
/** More than that takes long to judge. */
const maxOperations = 30_000;
/** For the last reads, and for the members to be level. */
const patienceMs = 60_000;

export class JudgedLoad {
  readonly #options: JudgedLoadOptions;
  readonly #recorder = new HistoryRecorder({ nowMs: () => performance.now() });
  readonly #workload: Workload;
  readonly #done: Promise<void>;
  #ended = false;

  constructor(options: JudgedLoadOptions) {
    const { seed, prefix, acks, clients, callers, observer, pauseMs } = options;
    this.#options = options;
    this.#workload = new Workload({ seed, prefix, recordKeys, sumKeys, acks, maxStalenessMs });
    const random = new Random(seed);
    this.#done = runWorkload({
      workload: this.#workload,
      sessions: Array.from({ length: callers }, (_, caller) => sessionOf(clients[caller % clients.length])),
      cluster: observer.topology().cluster,
      recorder: this.#recorder,
      goesOn: () => !this.#ended && this.#recorder.size < maxOperations,
      onOperation: () => sleep(2 * pauseMs * random.next()),
    });
  }

  /** What has been recorded until now. */
  get history(): readonly HistoryOperation[] {
    return this.#recorder.history();
  }

  /** Waits for that many more operations that were answered. */
  async more(count: number): Promise<void> {
    const answered = (): number => this.history.filter(({ ending }) => ending.status === 'ok').length;
    const before = answered();
    await waitFor(
      () => answered() >= before + count,
      () => `${answered() - before} of ${count} more answers; the last calls: ${this.#lastCalls()}`,
    );
  }

  /** Callers begin nothing more. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#done;
  }

  /** @param losses what receipts have, asked for when everybody is level */
  async judge(losses: () => Promise<readonly Loss[]>): Promise<JudgedHistory> {
    await this.end();
    const dumps = await levelMembers(this.#options.observer);
    const levelMs = performance.now();
    const { observer } = this.#options;
    const { keys } = this.#workload;
    const final = await readLast(keys, {
      recorder: this.#recorder,
      reader: sessionOf(observer),
      cluster: () => observer.topology().cluster,
      goesOn: () => performance.now() - levelMs < patienceMs,
    });
    const unread = keys.filter((key) => !final.has(key));
    if (unread.length > 0) throw new Error(`${unread.join(', ')} could not be read in ${patienceMs / 1000} s`);
    const history = this.#recorder.history();
    const discarded = await losses();
    return { ...judge({ history, final, losses: discarded, dumps, settled: true }), history, levelMs };
  }

  #lastCalls(): string {
    return this.history.slice(-5).map(showOperation).join('\n');
  }
}

function sessionOf(client: Client | undefined): SessionCalls {
  if (client === undefined) throw new Error('a load has at least one client');
  return client.session().keyspace('default');
}

/** Waits until every member of a shard stands at the same entry and has folded it. */
async function levelMembers(observer: Client): Promise<MemberDump[]> {
  let seen = '';
  return waitFor(
    async () => {
      const replies = await observer.stats();
      seen = JSON.stringify(replies.map(({ node, stats, error }) => [node, stats?.lastEntry, error?.message]));
      const { dumps, areLevel, silent } = lookAtMembers(replies);
      return areLevel && silent.length === 0 ? dumps : undefined;
    },
    () => `all members of each shard at the same folded entry; seen ${seen}`,
    patienceMs,
  );
}

/** The violations of a judgement for people, one after the other. */
export function showFindings({ findings, undecided }: Judgement): readonly string[] {
  return [
    ...findings.map(({ rule, key = '', message, evidence }) =>
      [`${rule} ${key}: ${message}`, ...evidence.map((operation) => `  ${showOperation(operation)}`)].join('\n'),
    ),
    ...undecided.map((key) => `undecided: ${key}`),
  ];
}
