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

const workerFile = join(
  dirname(createRequire(import.meta.url).resolve('@edis/e2e/package.json')),
  'dist/worker/second-process.js',
);

/** A process with a client of its own that answers questions, any number at once. */
export class SecondProcess {
  readonly #child;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 0;

  constructor(info: string, keyspace = 'default') {
    this.#child = spawn(process.execPath, [workerFile, info, keyspace], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, reply }: { id: number; reply: Reply } = JSON.parse(line);
      this.#waiting.get(id)?.(reply);
      this.#waiting.delete(id);
    });
  }

  ask(question: Question): Promise<Reply> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify({ id, question })}\n`);
    });
  }

  async read(question: Extract<Question, { kind: 'get' }>): Promise<ReadReply> {
    const reply = await this.ask(question);
    if (reply.kind !== 'read') throw new Error(`the second process answered ${JSON.stringify(reply)}`);
    return reply;
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve());
    });
    this.#child.stdin.end();
    await ended;
  }
}
