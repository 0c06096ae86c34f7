import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';

const writers = 8;
const readers = 4;
/** Between two calls of one caller: what is measured is when a shard answers, not how much. */
const pauseMs = 5;
const keys = 1000;

/** The longest time without an answer, over all callers of one kind, and the longest that one of them waited. */
class Gap {
  longestMs = 0;
  longestCallMs = 0;
  count = 0;
  #lastMs = performance.now();

  onAnswer(askedMs: number): void {
    const nowMs = performance.now();
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs);
    this.longestCallMs = Math.max(this.longestCallMs, nowMs - askedMs);
    this.#lastMs = nowMs;
    this.count += 1;
  }

  restart(): void {
    this.longestMs = 0;
    this.longestCallMs = 0;
    this.#lastMs = performance.now();
  }
}

/** Few callers that write and read all the time, and note how long nothing was answered. */
export class Availability {
  readonly writes = new Gap();
  readonly reads = new Gap();
  failures = 0;
  firstFailure = '';
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(client: Client) {
    const put = (turn: number): Promise<unknown> => client.put(`k${turn % keys}`, 'v', { ack: 'disk' });
    const get = (turn: number): Promise<unknown> => client.get(`k${turn % keys}`, { consistency: 'eventual' });
    this.#done = Promise.all([
      ...Array.from({ length: writers }, (_, caller) => this.#call(this.writes, caller * 101, put)),
      ...Array.from({ length: readers }, (_, caller) => this.#call(this.reads, caller * 101, get)),
    ]);
  }

  /** Measures from now on. */
  restart(): void {
    this.writes.restart();
    this.reads.restart();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #call(gap: Gap, firstTurn: number, ask: (turn: number) => Promise<unknown>): Promise<void> {
    for (let turn = firstTurn; !this.#stopped; turn += 1) {
      const askedMs = performance.now();
      try {
        await ask(turn);
        gap.onAnswer(askedMs);
      } catch (caught) {
        this.failures += 1;
        if (this.firstFailure === '') this.firstFailure = String(caught);
      }
      await sleep(pauseMs);
    }
  }
}
