import type { Client, GetOptions } from '@edis/client';
import type { Ack } from '@edis/core';

const keysPerCaller = 50;
const callersPerAck = 3;
const acks: readonly Ack[] = ['memory', 'disk', 'quorum'];
/** A bounded read may be that old. */
const maxStalenessMs = 500;

/** To be found beside the logs of the processes. */
export interface SlowestCall {
  readonly what: string;
  readonly startedAt: string;
  readonly tookMs: number;
}

/**
 * Writes with every `ack` and reads at every level, all the time. A caller who meets an error or a wrong answer stops,
 * and it is remembered.
 */
export class Workload {
  readonly faults: string[] = [];
  readonly #client: Client;
  readonly #callers: readonly Promise<void>[];
  readonly #rounds = new Map<Ack, number>(acks.map((ack) => [ack, 0]));
  #slowest: SlowestCall = { what: 'no call', startedAt: '', tookMs: 0 };
  #ended = false;

  constructor(client: Client) {
    this.#client = client;
    const callers = Array.from({ length: callersPerAck * acks.length }, (_, caller) => caller);
    this.#callers = callers.map((caller) => this.#call(caller, acks[caller % acks.length] ?? 'disk'));
  }

  /** A write and a read at each level, so far; of the `ack` that has had fewest. */
  get rounds(): number {
    return Math.min(...this.#rounds.values());
  }

  /** The write or read that took longest. */
  get slowest(): SlowestCall {
    return this.#slowest;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#callers);
  }

  async #call(caller: number, ack: Ack): Promise<void> {
    const acknowledgedMs: number[] = [];
    for (let round = 0; !this.#ended; round += 1) {
      const key = `load:${caller}:${round % keysPerCaller}`;
      try {
        await this.#timed(`${ack} put ${key}`, () => this.#client.put(key, String(round), { ack }));
        acknowledgedMs[round] = performance.now();
        await this.#expect(key, round, { consistency: 'strong' });
        await this.#expect(key, round, { consistency: 'session' });
        await this.#expectNotTooOld(key, round, maxStalenessMs, acknowledgedMs);
        await this.#expectNotTooOld(key, round, Number.POSITIVE_INFINITY, acknowledgedMs);
        this.#rounds.set(ack, (this.#rounds.get(ack) ?? 0) + 1);
      } catch (caught) {
        this.faults.push(`${ack}: ${String(caught)}`);
        return;
      }
    }
  }

  async #expect(key: string, round: number, options: GetOptions): Promise<void> {
    const read = await this.#read(key, options);
    if (read !== round) throw new Error(`a ${options.consistency} read of ${key} found ${read} instead of ${round}`);
  }

  /** It may miss what was acknowledged later than that long before it; without a bound it is an eventual read. */
  async #expectNotTooOld(
    key: string,
    round: number,
    boundMs: number,
    acknowledgedMs: readonly number[],
  ): Promise<void> {
    const isBounded = Number.isFinite(boundMs);
    const startMs = performance.now();
    const options: GetOptions = isBounded ? { maxStalenessMs: boundMs } : { consistency: 'eventual' };
    const read = await this.#read(key, options);
    const what = isBounded ? 'a bounded' : 'an eventual';
    const found = read ?? (round % keysPerCaller) - keysPerCaller;
    if (!isRoundOf(found, round)) throw new Error(`${what} read of ${key} found ${read}, in round ${round}`);
    const missedMs = acknowledgedMs[found + keysPerCaller] ?? Number.POSITIVE_INFINITY;
    if (missedMs < startMs - boundMs) {
      throw new Error(`${what} read of ${key} found ${read}, and missed a write ${startMs - missedMs} ms before it`);
    }
  }

  /** The round that wrote what is found; undefined: none. */
  async #read(key: string, options: GetOptions): Promise<number | undefined> {
    const what = `${options.consistency ?? 'bounded'} get ${key}`;
    const found = await this.#timed(what, () => this.#client.get(key, options));
    return found === undefined ? undefined : Number(Buffer.from(found.value).toString());
  }

  async #timed<Result>(what: string, call: () => Promise<Result>): Promise<Result> {
    const startedAt = new Date().toISOString();
    const startMs = performance.now();
    const result = await call();
    const tookMs = performance.now() - startMs;
    if (tookMs > this.#slowest.tookMs) this.#slowest = { what, startedAt, tookMs };
    return result;
  }
}

/** One that wrote the same key, no later. */
function isRoundOf(found: number, round: number): boolean {
  return found <= round && (round - found) % keysPerCaller === 0;
}
