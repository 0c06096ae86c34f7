import type { Client } from '@edis/client';

const keysPerCaller = 50;
const callers = 8;

/** To be found beside the logs of the processes. */
export interface SlowestCall {
  readonly what: string;
  readonly startedAt: string;
  readonly tookMs: number;
}

/** Writes and reads all the time. A caller who meets an error or a wrong answer stops, and it is remembered. */
export class Workload {
  readonly faults: string[] = [];
  readonly #client: Client;
  readonly #callers: readonly Promise<void>[];
  #rounds = 0;
  #slowest: SlowestCall = { what: 'no call', startedAt: '', tookMs: 0 };
  #ended = false;

  constructor(client: Client) {
    this.#client = client;
    this.#callers = Array.from({ length: callers }, (_, index) => this.#call(index));
  }

  /** A write and two reads each, so far. */
  get rounds(): number {
    return this.#rounds;
  }

  /** The write or read that took longest. */
  get slowest(): SlowestCall {
    return this.#slowest;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#callers);
  }

  async #call(caller: number): Promise<void> {
    for (let round = 0; !this.#ended; round += 1) {
      const key = `load:${caller}:${round % keysPerCaller}`;
      const value = `${caller} ${round}`;
      try {
        await this.#timed(`put ${key}`, () => this.#client.put(key, value));
        await this.#expect(key, value, 'strong');
        await this.#expect(key, value, 'session');
        this.#rounds += 1;
      } catch (caught) {
        this.faults.push(String(caught));
        return;
      }
    }
  }

  async #expect(key: string, value: string, consistency: 'strong' | 'session'): Promise<void> {
    const found = await this.#timed(`${consistency} get ${key}`, () => this.#client.get(key, { consistency }));
    const read = found === undefined ? undefined : Buffer.from(found.value).toString();
    if (read !== value) throw new Error(`a ${consistency} read of ${key} found ${read} instead of ${value}`);
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
