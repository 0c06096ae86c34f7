/**
 * One run of `edis verify`: a keyspace of its own, rounds of work and judgement, a verdict. Where a shard takes no
 * writes, it says so instead, and ends.
 *
 * Guarantees: the keyspace is dropped and every paused node goes on, however the run ends; if the drop fails, or a
 * signal cuts it short, the message has the command that does it. Only SIGKILL leaves it without a word; then the next
 * run names it.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { addFigures, type Finding, type JudgementFigures, type MemberDump, Random } from '@edis/checker';
import type { Client } from '@edis/client';
import { type Ack, EdisError } from '@edis/core';
import type { CommandContext } from '../command.ts';
import { withAdvice } from '../error-advice.ts';
import { outageAdvice, stuckShards } from '../group-advice.ts';
import { FaultMaker } from './fault-maker.ts';
import { HistoryFile } from './history-file.ts';
import { lookAtMembers } from './last-look.ts';
import { RunEnding } from './run-ending.ts';
import type { VerifyOptions } from './verify-options.ts';
import { showVerifyProgress, type VerifyProgress } from './verify-progress.ts';
import type { VerifyReport } from './verify-report.ts';
import { runRound } from './verify-round.ts';

const keyspacePrefix = 'edis-verify-';
const roundMs = 5000;
const maxStalenessMs = 500;
/** One of so many keys is incremented. */
const keysPerSum = 4;
/** For dropping and for the last reads: longer than any failover. */
const patienceMs = 30_000;
/** For dropping when somebody asked twice to end. */
const urgentMs = 5000;
/** For members to catch up at the end. */
const levelMs = 5000;
const levelPollMs = 100;

export class VerifyRun {
  readonly #client: Client;
  readonly #options: VerifyOptions;
  readonly #context: CommandContext;
  readonly #nowMs = () => performance.now();
  readonly #findings: Finding[] = [];
  readonly #undecided: string[] = [];
  readonly #unread: string[] = [];
  #figures: JudgementFigures | undefined;
  readonly #ending: RunEnding;
  #faults: FaultMaker | undefined;
  #leavesKeyspace = false;
  #operations = 0;
  #acknowledgedWrites = 0;
  #recorded = 0;
  #lastWriteMs = 0;
  #longestGapMs = 0;

  constructor(client: Client, options: VerifyOptions, context: CommandContext) {
    this.#client = client;
    this.#options = options;
    this.#context = context;
    this.#ending = new RunEnding((line) => context.output.note(line));
  }

  async run(): Promise<VerifyReport> {
    const name = `${keyspacePrefix}${randomBytes(6).toString('hex')}`;
    const stopListening = this.#context.onSignal(() => this.#ending.onSignal());
    try {
      await this.#noteLeftovers();
      await this.#checkShards();
      await this.#create(name);
      try {
        return await this.#ending.unlessGivenUp(this.#verify(name), 'ended without a verdict');
      } finally {
        await this.#faults?.end();
        await this.#drop(name, this.#ending.isUrgent ? urgentMs : patienceMs);
      }
    } finally {
      stopListening();
    }
  }

  /** Whether the keyspace could not be dropped. */
  get leavesKeyspace(): boolean {
    return this.#leavesKeyspace;
  }

  /** Without an answer nobody knows whether it is there. */
  async #create(name: string): Promise<void> {
    try {
      await this.#client.createKeyspace(name, { indexedFields: [] });
    } catch (caught) {
      const { code, outcomeUnknown } = EdisError.from(caught);
      if (outcomeUnknown || code === 'deadline' || code === 'unreachable') await this.#drop(name, urgentMs);
      throw caught;
    }
  }

  /** A run that was killed could not clean up. */
  async #noteLeftovers(): Promise<void> {
    for (const { name } of await this.#client.keyspaces()) {
      if (!name.startsWith(keyspacePrefix)) continue;
      this.#context.output.note(`edis: another verification runs, or left this: edis keyspace drop ${name} --yes`);
    }
  }

  /** The keyspace has keys in all of them. */
  async #checkShards(): Promise<void> {
    const stuck = stuckShards((await this.#client.describe()).topology);
    if (stuck.length > 0) throw new EdisError('unreachable', `nothing was verified: ${stuck.join('; ')}`);
  }

  /** Never rejects: a failure does not hide the verdict, or why there is none. */
  async #drop(name: string, timeoutMs: number): Promise<void> {
    try {
      await this.#ending.unlessGivenUp(this.#client.dropKeyspace(name, { timeoutMs }), 'nobody waited for it');
    } catch (caught) {
      this.#leavesKeyspace = true;
      const left = `the keyspace of the verification may be still there (${EdisError.from(caught).message})`;
      this.#context.output.note(`edis: ${left}; remove it with edis keyspace drop ${name} --yes`);
    }
  }

  async #verify(name: string): Promise<VerifyReport> {
    const options = this.#options;
    const context = this.#context;
    const ack = await this.#provenAck(name);
    if (options.kills && ack !== 'quorum') {
      throw new EdisError('no-quorum', 'verify --kill needs a cluster that acknowledges quorum writes');
    }
    const faults = this.#newFaults(ack);
    const { historyFile } = options;
    const file = historyFile === undefined ? undefined : await HistoryFile.open(historyFile);
    const progress = showVerifyProgress(process.stderr, options.durationMs, context);
    const startMs = this.#nowMs();
    this.#lastWriteMs = startMs;
    faults.start();
    let rounds = 0;
    try {
      while (rounds === 0 || this.#goesOn(startMs)) {
        await this.#round(name, rounds, ack, startMs, faults, file, progress);
        rounds += 1;
      }
    } finally {
      await faults.end();
      progress.end();
      const failure = await file?.end();
      if (failure !== undefined) context.output.note(`edis: ${historyFile} is not complete: ${failure.message}`);
    }
    return this.#report(ack, rounds, this.#nowMs() - startMs, faults);
  }

  #newFaults(ack: Ack): FaultMaker {
    const { pauses, kills, durationMs, seed } = this.#options;
    const context = this.#context;
    this.#faults = new FaultMaker(
      { pauses, kills, durationMs, sparesPrimaries: ack !== 'quorum' },
      {
        random: new Random(seed),
        nowMs: this.#nowMs,
        describe: () => this.#client.describe({ timeoutMs: 1000 }),
        hostIdentity: () => context.hostIdentity(),
        signalProcess: (pid, signal) => context.signalProcess(pid, signal),
      },
    );
    return this.#faults;
  }

  #goesOn(startMs: number): boolean {
    return !this.#ending.isAsked && this.#nowMs() - startMs < this.#options.durationMs;
  }

  async #round(
    name: string,
    round: number,
    ack: Ack,
    startMs: number,
    faults: FaultMaker,
    file: HistoryFile | undefined,
    progress: VerifyProgress,
  ): Promise<void> {
    const { seed, keys, callers } = this.#options;
    const sumKeys = Math.ceil(keys / keysPerSum);
    const roundEndMs = this.#nowMs() + roundMs;
    // What was judged meanwhile is no time without writes.
    this.#lastWriteMs = this.#nowMs();
    const { judgement, unread, recorded } = await runRound({
      workload: {
        seed: seed + round,
        prefix: `${round}:`,
        recordKeys: keys - sumKeys,
        sumKeys,
        acks: [[ack, 1]],
        maxStalenessMs,
      },
      callers,
      cluster: this.#client.topology().cluster,
      firstId: this.#recorded + 1,
      newSession: () => this.#client.session().keyspace(name),
      nowMs: this.#nowMs,
      goesOn: () => this.#goesOn(startMs) && this.#nowMs() < roundEndMs,
      onOperation: (acknowledgedWrite) => {
        this.#operations += 1;
        if (acknowledgedWrite) {
          this.#acknowledgedWrites += 1;
          this.#noteGap();
        }
        progress.update(this.#nowMs() - startMs, this.#operations, this.#findings.length);
      },
      write: (line) => file?.write(line),
      beforeLastReads: async () => {
        this.#noteGap();
        // What is read last of all is read undisturbed.
        if (!this.#goesOn(startMs)) await faults.end();
      },
      dumps: () => this.#dumps(this.#goesOn(startMs) ? 0 : levelMs),
      finalReadMs: patienceMs,
      isUrgent: () => this.#ending.isUrgent,
    });
    this.#recorded += recorded;
    this.#findings.push(...judgement.findings);
    this.#undecided.push(...judgement.undecided);
    this.#unread.push(...unread);
    this.#figures = this.#figures === undefined ? judgement.figures : addFigures(this.#figures, judgement.figures);
  }

  /** A write was acknowledged, or none is awaited any more. */
  #noteGap(): void {
    const nowMs = this.#nowMs();
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastWriteMs);
    this.#lastWriteMs = nowMs;
  }

  /** What was asked for; else `quorum`, unless the cluster is too small for it. */
  async #provenAck(name: string): Promise<Ack> {
    const { ack } = this.#options;
    try {
      await this.#client.keyspace(name).put('probe', '', { ack: ack ?? 'quorum' });
      return ack ?? 'quorum';
    } catch (caught) {
      const { code } = EdisError.from(caught);
      if (code === 'no-quorum' && ack === undefined) return 'disk';
      if (code !== 'unreachable' && code !== 'deadline') throw caught;
      throw withAdvice(caught, await this.#whatIsWaitedFor());
    }
  }

  /** As `edis topology` says it; undefined: nobody knows. */
  async #whatIsWaitedFor(): Promise<string | undefined> {
    try {
      const { topology, waitsFor } = await this.#client.describe();
      return waitsFor.length > 0 ? waitsFor.join('; ') : outageAdvice(topology);
    } catch {
      return undefined;
    }
  }

  /**
   * Of members whose records are those of their last entry; waits a while for them to become level. Where others write
   * too, they may never be: then those that are at equal places by chance are compared.
   */
  async #dumps(patientMs: number): Promise<MemberDump[]> {
    const giveUpMs = this.#nowMs() + patientMs;
    for (;;) {
      const { dumps, areLevel } = lookAtMembers(await this.#client.stats());
      if (areLevel || this.#ending.isUrgent || this.#nowMs() >= giveUpMs) return dumps;
      await delay(levelPollMs);
    }
  }

  #report(ack: Ack, rounds: number, durationMs: number, { faults }: FaultMaker): VerifyReport {
    const { seed, callers, keys } = this.#options;
    if (this.#figures === undefined) throw new EdisError('internal', 'a verification has at least one round');
    return {
      interrupted: this.#ending.isAsked,
      seed,
      ack,
      callers,
      keys,
      rounds,
      durationMs,
      maxStalenessMs,
      longestGapMs: this.#longestGapMs,
      acknowledgedWrites: this.#acknowledgedWrites,
      wantsFaults: this.#options.pauses || this.#options.kills,
      figures: this.#figures,
      faults,
      findings: this.#findings,
      undecided: this.#undecided,
      unread: this.#unread,
    };
  }
}
