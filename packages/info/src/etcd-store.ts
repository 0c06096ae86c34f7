/**
 * The cluster's state in an etcd that several infos share, one key for each row.
 *
 * Guarantees: a change is one transaction that compares the leader key's create revision and the revision of every row
 * that it writes, so an info that no longer leads cannot write, whatever it believes. A transaction whose outcome is
 * unknown is sent again with the same comparisons: they let it be carried out once, and if they fail, what etcd has
 * is read in the same transaction. Nothing is said before that, and if this info's time is over first, the change is
 * answered as unknown. An info that neither leads nor hears of etcd says so to those who go by its map: another one may
 * lead, and theirs would be old for as long as that lasts.
 *
 * Assumes that nobody but infos of this prefix writes below it.
 *
 * The failure that shaped it: a leader whose transaction timed out, was answered as failed, and was then carried out by
 * an etcd member that had it in its queue.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterState, InfoNode, StandDownCause } from '@edis/core';
import { EdisError } from '@edis/core';
import type { Logger } from '@edis/process';
import type { EtcdOutcome, EtcdReading } from '@edis/rpc';
import { EtcdClient } from '@edis/rpc';
import { EtcdElection, leaderOf } from './etcd-election.ts';
import { EtcdMirror } from './etcd-mirror.ts';
import type { EtcdSettings } from './etcd-settings.ts';
import { checkEtcdVersion } from './etcd-settings.ts';
import type { Row } from './state-row.ts';
import { changedRows, clusterKey, stateOfRows } from './state-row.ts';
import type { InfoStore, StoreListener } from './store.ts';

/** How long etcd is looked for when info starts. */
const startMs = 5000;
const retryMs = 200;
/** After a refusal, as of an etcd with too many requests: each is a line in the log. */
const refusedRetryMs = 5000;
/** etcd's own elections are over by then. Then it comes ever more seldom: perhaps etcd is away for all infos. */
const cutOffMs = 3000;
const maxCutOffMs = 30_000;
/**
 * etcd takes 128 operations in a transaction by default. More rows than that change at once in clusters of more than a
 * hundred shards only; then the cluster's own row, with which a change becomes visible, goes last.
 */
const maxRows = 100;

const causes: Readonly<Record<StandDownCause, string>> = {
  deadline: 'etcd did not confirm in time that it may',
  'lease-lost': 'etcd has given up its lease',
  fenced: 'another one does',
  leaving: 'it ends',
};

/** One for each time that this info is elected; it may be so again with the same number. */
interface Elected {
  readonly fencing: number;
}

/** The time in which this info leads. */
interface Term extends Elected {
  /** Of each row that is stored. */
  readonly revisions: Map<string, number>;
  saved: ClusterState | undefined;
}

export class EtcdStore implements InfoStore {
  readonly #settings: EtcdSettings;
  readonly #logger: Logger;
  readonly #client: EtcdClient;
  readonly #election: EtcdElection;
  readonly #mirror: EtcdMirror;
  readonly #leaderKey: string;
  readonly #rowPrefix: string;
  #listener: StoreListener | undefined;
  #reading: EtcdReading | undefined;
  /** Undefined: this info is not elected. */
  #elected: Elected | undefined;
  #term: Term | undefined;
  #cutOffTimer: NodeJS.Timeout | undefined;

  constructor(settings: EtcdSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    this.#client = new EtcdClient(settings.addresses);
    this.#leaderKey = `${settings.prefix}leader`;
    this.#rowPrefix = `${settings.prefix}state/`;
    this.#election = new EtcdElection(this.#client, this.#leaderKey, settings.leaseMs, {
      onElected: (fencing) => {
        this.#elected = { fencing };
        // Never rejects.
        void this.#begin(this.#elected);
      },
      onDeposed: (cause) => this.#depose(cause),
      onError: (error) => this.#logger.debug({ event: 'etcd-retry', code: error.code }, error.message),
    });
    this.#mirror = new EtcdMirror(this.#client, settings.prefix, {
      onChange: (keys) => this.#onChange(keys),
      onLost: (error) => {
        this.#logger.warn({ event: 'etcd-lost', code: error.code }, error.message);
        this.#awaitCutOff(cutOffMs);
      },
    });
  }

  get isActive(): boolean {
    return this.#term !== undefined && this.#election.isActive;
  }

  get deciding(): string {
    const { lastError } = this.#mirror;
    if (lastError !== undefined) return `nobody can until etcd answers (${lastError.message})`;
    const row = this.#mirror.row(this.#leaderKey);
    const leader = row === undefined ? undefined : leaderOf(row);
    if (leader === undefined || this.#elected !== undefined) return 'the infos are about to settle who decides';
    return `${leader.node} at ${leader.address} decides`;
  }

  async load(): Promise<ClusterState | undefined> {
    this.#reading = await this.#firstReading();
    return this.#stateOf(this.#reading);
  }

  join(self: InfoNode, listener: StoreListener): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) throw new EdisError('internal', 'etcd was joined before it was read');
    this.#listener = listener;
    this.#reading = undefined;
    this.#election.start(self);
    this.#mirror.start(reading);
    return Promise.resolve();
  }

  async save(state: ClusterState): Promise<void> {
    const term = this.#term;
    if (term === undefined) throw this.#lostError();
    const rows = [...changedRows(term.saved, state)].sort((left, right) => rank(left) - rank(right));
    for (let at = 0; at < rows.length; at += maxRows) await this.#write(term, rows.slice(at, at + maxRows));
    term.saved = state;
  }

  async leave(): Promise<void> {
    await this.#election.leave();
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    clearTimeout(this.#cutOffTimer);
    await this.#election.leave();
    this.#mirror.close();
    this.#client.close();
  }

  async #firstReading(): Promise<EtcdReading> {
    const deadlineMs = performance.now() + startMs;
    for (;;) {
      try {
        checkEtcdVersion(await this.#client.version());
        return await this.#client.read(this.#settings.prefix);
      } catch (caught) {
        const error = EdisError.from(caught);
        if (!error.outcomeUnknown) throw error;
        if (performance.now() < deadlineMs) {
          await pause(retryMs);
          continue;
        }
        const where = this.#settings.addresses.join(', ');
        const message = `etcd at ${where} did not answer within ${startMs} ms (${error.message}); check --etcd`;
        throw new EdisError('unreachable', message, { cause: error });
      }
    }
  }

  /** Loads what the info before this one has left, and decides from then on. */
  async #begin(elected: Elected): Promise<void> {
    const { fencing } = elected;
    while (this.#elected === elected) {
      try {
        const reading = await this.#client.read(this.#settings.prefix);
        if (this.#elected !== elected) return;
        const leader = reading.rows.find((row) => row.key === this.#leaderKey);
        if (leader?.createRevision !== fencing) {
          this.#election.onFenced();
          return;
        }
        const saved = this.#stateOf(reading);
        const revisions = new Map(reading.rows.map((row) => [row.key, row.modRevision]));
        this.#term = { fencing, revisions, saved };
        this.#listener?.onActive(saved, fencing);
        return;
      } catch (caught) {
        const error = EdisError.from(caught);
        // A refusal may pass: etcd has too many requests. What it holds does not become usable by itself.
        if (!error.outcomeUnknown && error.code !== 'protocol') {
          this.#listener?.onFailed(error);
          return;
        }
        if (!error.outcomeUnknown) this.#logger.warn({ event: 'etcd-refused', code: error.code }, error.message);
        await pause(error.outcomeUnknown ? retryMs : refusedRetryMs);
      }
    }
  }

  #awaitCutOff(delayMs: number): void {
    clearTimeout(this.#cutOffTimer);
    this.#cutOffTimer = setTimeout(() => {
      const { lastError } = this.#mirror;
      if (lastError === undefined) return;
      // It decides until its lease ends; then another one may.
      if (this.#election.isActive) return this.#awaitCutOff(cutOffMs);
      this.#listener?.onCutOff(lastError);
      this.#awaitCutOff(Math.min(maxCutOffMs, 2 * delayMs));
    }, delayMs);
  }

  #depose(cause: StandDownCause): void {
    this.#elected = undefined;
    if (this.#term === undefined) return;
    this.#term = undefined;
    const message = `this info decides no longer: ${causes[cause]}; whether the last changes were made is unknown`;
    this.#listener?.onStandby(new EdisError('unreachable', message, { outcomeUnknown: true }));
    this.#tellState();
  }

  #onChange(keys: ReadonlySet<string>): void {
    if (keys.has(this.#leaderKey)) {
      const leader = this.#mirror.row(this.#leaderKey);
      if (this.#elected === undefined && leader === undefined) this.#election.onVacancy();
      // The mirror may lag behind: only a later leader than this info says anything about it.
      if (this.#elected !== undefined && leader !== undefined && leader.createRevision > this.#elected.fencing) {
        this.#election.onFenced();
      }
    }
    if (keys.has(`${this.#rowPrefix}${clusterKey}`)) this.#tellState();
  }

  #tellState(): void {
    if (this.#elected !== undefined) return;
    try {
      const state = this.#stateOf({ revision: 0, rows: [...this.#mirror.all()] });
      if (state !== undefined) this.#listener?.onState(state);
    } catch (caught) {
      this.#listener?.onFailed(EdisError.from(caught));
    }
  }

  #stateOf({ rows }: EtcdReading): ClusterState | undefined {
    const own = rows.filter((row) => row.key.startsWith(this.#rowPrefix));
    return stateOfRows(own.map(({ key, value }) => ({ key: key.slice(this.#rowPrefix.length), value })));
  }

  /** One transaction, sent until its outcome is known or this info's time is over. */
  async #write(term: Term, rows: readonly Row[]): Promise<void> {
    const puts = rows.map(({ key, value }) => ({ key: `${this.#rowPrefix}${key}`, value, lease: 0 }));
    const transaction = {
      comparisons: [
        { key: this.#leaderKey, createRevision: term.fencing },
        ...puts.map(({ key }) => ({ key, modRevision: term.revisions.get(key) ?? 0 })),
      ],
      puts,
      otherwise: [this.#leaderKey, ...puts.map(({ key }) => key)],
    };
    for (;;) {
      if (this.#term !== term || !this.#election.isActive) throw this.#lostError();
      let outcome: EtcdOutcome;
      try {
        outcome = await this.#client.transact(transaction);
      } catch (caught) {
        const error = EdisError.from(caught);
        this.#logger.warn({ event: 'etcd-retry', code: error.code }, error.message);
        // etcd has refused it, for its size or for want of space: what is in memory can not be stored.
        if (!error.outcomeUnknown) throw this.#refusedError(error);
        await pause(retryMs);
        continue;
      }
      const written = outcome.succeeded ? outcome.revision : this.#revisionWritten(term, puts, outcome);
      if (this.#term !== term) throw this.#lostError();
      if (written === undefined) {
        this.#election.onFenced();
        throw this.#lostError();
      }
      for (const { key } of puts) term.revisions.set(key, written);
      return;
    }
  }

  /** When an earlier sending of it has done it: at that revision. Undefined: it was not done, and never will be. */
  #revisionWritten(
    term: Term,
    puts: readonly { readonly key: string; readonly value: string }[],
    { found }: EtcdOutcome,
  ): number | undefined {
    const byKey = new Map(found.map((row) => [row.key, row]));
    if (byKey.get(this.#leaderKey)?.createRevision !== term.fencing) return undefined;
    if (!puts.every(({ key, value }) => byKey.get(key)?.value === value)) return undefined;
    return byKey.get(puts[0]?.key ?? '')?.modRevision;
  }

  #refusedError(cause: EdisError): EdisError {
    this.#election.onFenced();
    return new EdisError('unreachable', `the change could not be stored: ${cause.message}`, { cause });
  }

  #lostError(): EdisError {
    return new EdisError('unreachable', `this info decides no longer; ${this.deciding}`, { outcomeUnknown: true });
  }
}

/** The cluster's row makes the others visible. */
function rank({ key }: Row): number {
  return key === clusterKey ? 1 : 0;
}
