import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { formatTargetAddress, parseDriverMessage } from './driver-message.ts';
import type { DriverMessage, Measurement, Order, TargetAddress } from './work.ts';

/** Loading a million keys into a slow disk is the longest order; a driver silent for longer hangs. */
const answerDeadlineMs = 300_000;
const closeDeadlineMs = 10_000;
const ownDriver = fileURLToPath(new URL('./driver.js', import.meta.url));

/** The bench's side of one driver; one order at a time. */
export class DriverProcess {
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  static async start(name: string, address: TargetAddress, file = ownDriver): Promise<DriverProcess> {
    const child = fork(file, formatTargetAddress(address), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const driver = new DriverProcess(name, child);
    try {
      await driver.#answer();
      return driver;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async run(work: Order): Promise<Measurement> {
    if (!this.#child.connected) throw new Error(`the ${this.name} driver has ended`);
    const answer = this.#answer();
    // With a callback a failed send is no uncaught event; the exit that follows it rejects the answer.
    this.#child.send(work, () => undefined);
    const message = await answer;
    if (message.kind !== 'done') throw new Error(`the ${this.name} driver answered out of turn`);
    return message.measurement;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit', { signal: AbortSignal.timeout(closeDeadlineMs) });
    if (this.#child.connected) this.#child.send({ kind: 'close' }, () => undefined);
    try {
      await exited;
    } catch {
      // It did not end by itself in time; nothing that it holds outlives it.
      this.#child.kill('SIGKILL');
    }
  }

  #answer(): Promise<DriverMessage> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        act();
      };
      const fail = (what: string): void => finish(() => reject(new Error(`the ${this.name} driver ${what}`)));
      const onMessage = (raw: unknown): void => {
        const message = parseDriverMessage(raw);
        if (message.kind === 'failed') fail(`failed: ${message.message}`);
        else finish(() => resolve(message));
      };
      const onExit = (): void => fail('ended before it answered');
      const timer = setTimeout(() => fail(`did not answer within ${answerDeadlineMs / 1000} s`), answerDeadlineMs);
      child.on('message', onMessage);
      child.on('exit', onExit);
    });
  }
}
