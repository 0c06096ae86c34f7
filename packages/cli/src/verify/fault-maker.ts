/**
 * Disturbs the nodes of a cluster on this machine while callers work.
 *
 * A pause (SIGSTOP, later SIGCONT) leaves everything as it was. A kill is for good, because nobody restarts the
 * process; so it happens once, and only to a primary that has a replica to take over.
 *
 * Guarantees: after `end`, and also if this process ends in any other way but a SIGKILL, no node is left paused.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '@edis/checker';
import type { ClusterDescription, Member, ShardId } from '@edis/core';
import type { CommandContext } from '../command.ts';

export interface Fault {
  readonly kind: 'pause' | 'kill';
  readonly node: string;
  readonly shard: ShardId;
  /** Since the callers began. */
  readonly atMs: number;
  /** Of a pause; undefined: a kill. */
  readonly lastsMs: number | undefined;
}

export interface FaultPlan {
  readonly pauses: boolean;
  readonly kills: boolean;
  readonly durationMs: number;
  /** A pause of a primary may outlast its lease, and only `quorum` writes survive that for sure. */
  readonly sparesPrimaries: boolean;
}

type Surroundings = Pick<CommandContext, 'hostIdentity' | 'signalProcess'> & {
  readonly random: Random;
  readonly describe: () => Promise<ClusterDescription>;
  readonly nowMs: () => number;
};

/** Shorter than a lease, about one, and far longer. */
const shortestPauseMs = 100;
const longestPauseMs = 5000;
const longestGapMs = 2000;

interface Target {
  readonly shard: ShardId;
  readonly member: Member;
}

export class FaultMaker {
  readonly faults: Fault[] = [];
  readonly #plan: FaultPlan;
  readonly #surroundings: Surroundings;
  readonly #ending = new AbortController();
  readonly #paused = new Set<number>();
  readonly #resumeAtExit = () => this.#resumeAll();
  #startMs = 0;
  #running: Promise<void> = Promise.resolve();
  #killed = false;

  constructor(plan: FaultPlan, surroundings: Surroundings) {
    this.#plan = plan;
    this.#surroundings = surroundings;
  }

  start(): void {
    this.#startMs = this.#surroundings.nowMs();
    if (!this.#plan.pauses && !this.#plan.kills) return;
    process.once('exit', this.#resumeAtExit);
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    this.#resumeAll();
    process.off('exit', this.#resumeAtExit);
  }

  async #run(): Promise<void> {
    const { durationMs, pauses, kills } = this.#plan;
    const { random } = this.#surroundings;
    const gapMs = Math.min(longestGapMs, durationMs / 8);
    while (!this.#ending.signal.aborted) {
      await this.#wait(gapMs * (0.25 + 0.75 * random.next()));
      const isHalfOver = this.#surroundings.nowMs() - this.#startMs >= durationMs / 2;
      if (kills && isHalfOver && !this.#killed) await this.#kill();
      else if (pauses) await this.#pause(Math.min(longestPauseMs, durationMs / 4));
    }
  }

  async #pause(longestMs: number): Promise<void> {
    const { random, signalProcess } = this.#surroundings;
    const targets = (await this.#targets()).filter(
      ({ member }) => member.role !== 'primary' || !this.#plan.sparesPrimaries,
    );
    const target = targets[random.below(targets.length)];
    if (target === undefined || this.#ending.signal.aborted) return;
    const { pid } = target.member;
    const startMs = this.#surroundings.nowMs();
    if (!signalProcess(pid, 'SIGSTOP')) return;
    this.#paused.add(pid);
    await this.#wait(shortestPauseMs + random.next() ** 2 * Math.max(0, longestMs - shortestPauseMs));
    this.#resumeAll();
    this.#note('pause', target, startMs, this.#surroundings.nowMs() - startMs);
  }

  async #kill(): Promise<void> {
    const { random, signalProcess } = this.#surroundings;
    const targets = (await this.#targets()).filter(({ member }) => member.role === 'primary');
    const target = targets[random.below(targets.length)];
    if (target === undefined || this.#ending.signal.aborted) return;
    this.#killed = true;
    const startMs = this.#surroundings.nowMs();
    if (signalProcess(target.member.pid, 'SIGKILL')) this.#note('kill', target, startMs, undefined);
  }

  /** Living members that run here, and that have another living member beside them. */
  async #targets(): Promise<Target[]> {
    const { describe, hostIdentity } = this.#surroundings;
    try {
      const [{ topology }, host] = await Promise.all([describe(), hostIdentity()]);
      return topology.shards
        .filter(({ members }) => members.filter(({ alive }) => alive).length > 1)
        .flatMap(({ shard, members }) => members.map((member) => ({ shard, member })))
        .filter(({ member: { alive, pid, host: memberHost } }) => alive && pid > 0 && memberHost === host);
    } catch {
      // Without info nobody knows whom to disturb: the next round asks again.
      return [];
    }
  }

  #note(kind: Fault['kind'], { shard, member }: Target, startMs: number, lastsMs: number | undefined): void {
    this.faults.push({ kind, node: member.node, shard, atMs: startMs - this.#startMs, lastsMs });
  }

  #resumeAll(): void {
    for (const pid of this.#paused) this.#surroundings.signalProcess(pid, 'SIGCONT');
    this.#paused.clear();
  }

  async #wait(milliseconds: number): Promise<void> {
    // Rejects when the run ends, which the loop's condition then sees.
    await delay(milliseconds, undefined, { signal: this.#ending.signal }).catch(() => {});
  }
}
