import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scaled } from './scale.ts';

const packageRoot = dirname(createRequire(import.meta.url).resolve('@edis/e2e/package.json'));

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly role: string;
}

/** A second process that reads what this one wrote. */
class ReaderProcess {
  readonly #child;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 0;

  constructor(info: string) {
    this.#child = spawn(process.execPath, [join(packageRoot, 'dist/worker/pair-reader.js'), info], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const answer: Answer = JSON.parse(line);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  read(key: string, token: string, expected: number, delayMs: number): Promise<Answer> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify({ id, key, token, expected: String(expected), delayMs })}\n`);
    });
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve());
    });
    this.#child.stdin.end();
    await ended;
  }
}

let cluster: TestCluster;
let writer: Client;
let reader: ReaderProcess;

beforeAll(async () => {
  cluster = await TestCluster.start({
    shards: 3,
    replicas: 2,
    settings: { readShard: ['--fault-replication-delay', '200ms'] },
  });
  writer = await cluster.client();
  reader = new ReaderProcess(cluster.cluster.info);
});

afterAll(async () => {
  await reader.close();
  await cluster.close();
});

/** Writes and then reads in the other process, by many callers at once; returns the answers. */
async function pairs(count: number, delayMs: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  const callers = 50;
  const each = Math.ceil(count / callers);
  const run = async (caller: number): Promise<void> => {
    for (let round = 1; round <= each; round += 1) {
      const key = `pair-${delayMs}-${caller}`;
      const { token } = await writer.put(key, String(round), { ack: 'memory' });
      answers.push(await reader.read(key, token, round, delayMs));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  return answers;
}

test('a read in another process with the token of a write never misses it, with replicas 200 ms behind', async () => {
  const answers = await pairs(scaled(10_000, 2000), 0);
  expect(answers.length).toBeGreaterThanOrEqual(2000);
  expect(answers.filter(({ ok }) => !ok)).toEqual([]);
});

test('replicas answer at least 30 % of the reads that come 300 ms later', async () => {
  const answers = await pairs(scaled(10_000, 1000), 300);
  expect(answers.filter(({ ok }) => !ok)).toEqual([]);
  const fromReplicas = answers.filter(({ role }) => role === 'replica').length;
  expect(fromReplicas / answers.length).toBeGreaterThanOrEqual(0.3);
});

test('reads by the writing client itself see its writes without a token being passed', async () => {
  for (let round = 1; round <= 50; round += 1) {
    await writer.put('own', String(round), { ack: 'memory' });
    const read = await writer.get('own');
    expect(Number(Buffer.from(read?.value ?? []).toString())).toBe(round);
  }
});
