/**
 * Records what callers do, as it happens. Whatever a call does, it ends up in the history: an error that says that the
 * outcome is unknown stays unknown, and so does a call that has not ended when the history is taken.
 */
import { EdisError } from '@edis/core';
import type { Answer, AnswerPlace, Ending, HistoryOperation } from './history.ts';
import { type CalledOperation, encodeCall, encodeEnding } from './history-line.ts';

/** What a call came to when it did not fail. */
export interface Told {
  readonly answer: Answer;
  readonly place: AnswerPlace | undefined;
}

export interface HistoryRecorderOptions {
  /** Monotonic milliseconds, the same clock for all that is judged together. */
  readonly nowMs: () => number;
  /**
   * Where ids begin; several recorders of one history take ranges of their own.
   * @default 1
   */
  readonly firstId?: number;
  /** Given each line of the history at once, so that it outlives this process. */
  readonly write?: (line: string) => void;
}

const notEnded: Ending = { status: 'unknown', returnMs: undefined, code: 'no-answer' };

export class HistoryRecorder {
  readonly #nowMs: () => number;
  readonly #write: (line: string) => void;
  readonly #operations = new Map<number, HistoryOperation>();
  #nextId: number;

  constructor({ nowMs, firstId = 1, write = () => {} }: HistoryRecorderOptions) {
    this.#nowMs = nowMs;
    this.#nextId = firstId;
    this.#write = write;
  }

  get size(): number {
    return this.#operations.size;
  }

  /** Never rejects: how the call ended stands in the operation. */
  async record(planned: Omit<CalledOperation, 'id' | 'callMs'>, call: () => Promise<Told>): Promise<HistoryOperation> {
    const called: CalledOperation = { ...planned, id: this.#nextId, callMs: this.#nowMs() };
    this.#nextId += 1;
    this.#operations.set(called.id, { ...called, ending: notEnded });
    this.#write(encodeCall(called));
    const ending = await this.#settle(called, call);
    const operation = { ...called, ending };
    this.#operations.set(called.id, operation);
    this.#write(encodeEnding(called.id, ending));
    return operation;
  }

  async #settle({ call: { kind } }: CalledOperation, call: () => Promise<Told>): Promise<Ending> {
    try {
      const { answer, place } = await call();
      return { status: 'ok', returnMs: this.#nowMs(), answer, place };
    } catch (caught) {
      const { code, outcomeUnknown } = EdisError.from(caught);
      const returnMs = this.#nowMs();
      // What is no error of the client's may have happened at any point.
      const isUnknown = kind !== 'get' && (outcomeUnknown || !(caught instanceof EdisError));
      return isUnknown ? { status: 'unknown', returnMs, code } : { status: 'failed', returnMs, code };
    }
  }

  /** Everything so far, in the order of calls. */
  history(): HistoryOperation[] {
    return [...this.#operations.values()];
  }
}
