import type { Client } from '@edis/client';
import type { TestCluster } from '@edis/testkit';
import { expect } from 'vitest';
import { allAcks } from '../src/failover-load.ts';
import { JudgedLoad, showFindings } from './judged-load.ts';
import { Receipts } from './receipts.ts';

/** Few and slow: they share two cores with the cluster, and each read and write of theirs is judged. */
const callers = 4;
const pauseMs = 50;

/** Callers beside those of a test; what they saw is held against all rules at the end. */
export class Judging {
  readonly #running: TestCluster;
  readonly #load: JudgedLoad;
  readonly #fromMs = performance.now();

  constructor(running: TestCluster, client: Client) {
    this.#running = running;
    const acks = allAcks.map((ack) => [ack, 1] as const);
    this.#load = new JudgedLoad({
      ...{ seed: 1, prefix: 'judged:', clients: [client], observer: client },
      ...{ callers, acks, pauseMs },
    });
  }

  /** When everything is healed: no rule was broken, and every member has the same. */
  async expectHeld(): Promise<void> {
    const receipts = new Receipts(this.#running.directory);
    const nodes = this.#running.cluster.processes.map(({ name }) => name);
    const judged = await this.#load.judge(() => receipts.take(nodes, this.#fromMs, performance.now()));
    expect(showFindings(judged)).toEqual([]);
    expect(judged.figures.durableWrites).toBeGreaterThan(0);
    expect(judged.figures.members).toBe(nodes.length - 1);
  }

  /** However the test ended. */
  end(): Promise<void> {
    return this.#load.end();
  }
}
