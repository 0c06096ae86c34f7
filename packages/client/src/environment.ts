import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { ByteString } from '@edis/core';

/** Ends what a timer does; harmless when it has fired. */
export type CancelTimer = () => void;

/** Time and randomness of a client; the tests bring their own. */
export interface Environment {
  /** Monotonic. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, by this machine's clock. */
  wallMs(): number;
  /** From 0 (inclusive) to 1 (exclusive). */
  random(): number;
  randomBytes(count: number): ByteString;
  /** Runs the task when the running code and the microtasks that it left behind have come to their end. */
  endOfTurn(task: () => void): void;
  /** Does not keep the process alive. */
  after(delayMs: number, task: () => void): CancelTimer;
  /** Keeps the process alive until it is cancelled. */
  every(intervalMs: number, task: () => void): CancelTimer;
}

export const systemEnvironment: Environment = Object.freeze({
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  randomBytes: (count: number) => randomBytes(count).toString('latin1'),
  endOfTurn: (task: () => void) => process.nextTick(task),
  after: (delayMs: number, task: () => void) => {
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
  every: (intervalMs: number, task: () => void) => {
    const timer = setInterval(task, intervalMs);
    return () => clearInterval(timer);
  },
});
