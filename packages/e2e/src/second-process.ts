import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SearchQuery } from '@edis/client';
import type { ErrorCode, MemberRole } from '@edis/core';

/** What a second process is asked to do. */
export type Question =
  | { readonly kind: 'get'; readonly key: string; readonly token?: string; readonly maxStalenessMs?: number }
  | { readonly kind: 'scan'; readonly prefix: string; readonly cursor: string }
  | { readonly kind: 'search'; readonly query: SearchQuery; readonly cursor: string };

/** A read; `startMs` is the wall clock before it was sent. */
export interface ReadReply {
  readonly kind: 'read';
  readonly value: string | null;
  readonly role: MemberRole | null;
  readonly startMs: number;
}

export type Reply =
  | ReadReply
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  | { readonly kind: 'error'; readonly code: ErrorCode };

interface Answered {
  readonly id: number;
  readonly reply: Reply;
}

function isAnswered(parsed: unknown): parsed is Answered {
  return typeof parsed === 'object' && parsed !== null && 'id' in parsed && 'reply' in parsed;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

const workerFile = join(
  dirname(createRequire(import.meta.url).resolve('@edis/e2e/package.json')),
  'dist/worker/second-process.js',
);

/** A process with a client of its own that answers questions, any number at once. */
export class SecondProcess {
  readonly #child;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #running = true;
  #next = 0;

  constructor(info: string, keyspace = 'default') {
    this.#child = spawn(process.execPath, [workerFile, info, keyspace], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const answered: unknown = JSON.parse(line);
      if (!isAnswered(answered)) throw new Error(`this is no answer: ${line}`);
      const { id, reply } = answered;
      this.#waiting.get(id)?.resolve(reply);
      this.#waiting.delete(id);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        this.#running = false;
        for (const waiting of this.#waiting.values()) waiting.reject(new Error('the second process has ended'));
        resolve();
      });
    });
  }

  ask(question: Question): Promise<Reply> {
    this.#next += 1;
    const id = this.#next;
    if (!this.#running) return Promise.reject(new Error('the second process has ended'));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, question })}\n`);
    });
  }

  async read(question: Extract<Question, { kind: 'get' }>): Promise<ReadReply> {
    const reply = await this.ask(question);
    if (reply.kind !== 'read') throw new Error(`the second process answered ${JSON.stringify(reply)}`);
    return reply;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
