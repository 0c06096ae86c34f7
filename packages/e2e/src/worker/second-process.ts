import { createInterface } from 'node:readline';
import type { Key, RecordStream } from '@edis/client';
import { connect } from '@edis/client';
import { EdisError } from '@edis/core';
import type { Question, Reply } from '../second-process.ts';

/** Answers `{"id","question"}` lines of stdin by `{"id","reply"}` lines on stdout, and ends with stdin. */
const client = await connect({ info: process.argv[2] ?? '', keyspace: process.argv[3] ?? '', timeoutMs: 20_000 });
const underWay = new Set<Promise<void>>();

interface Asked {
  readonly id: number;
  readonly question: Question;
}

function isAsked(parsed: unknown): parsed is Asked {
  return typeof parsed === 'object' && parsed !== null && 'id' in parsed && 'question' in parsed;
}

async function read({ key, token, maxStalenessMs }: Extract<Question, { kind: 'get' }>): Promise<Reply> {
  const startMs = Date.now();
  const result =
    maxStalenessMs === undefined
      ? await client.session(token).get(key)
      : await client.get(key, { consistency: 'bounded', maxStalenessMs });
  const value = result === undefined ? null : Buffer.from(result.value).toString();
  return { kind: 'read', value, role: result?.servedBy.role ?? null, startMs };
}

async function keysOf(stream: RecordStream<{ readonly key: Key }>): Promise<Reply> {
  return { kind: 'keys', keys: (await stream.toArray()).map(({ key }) => String(key)) };
}

function answer(question: Question): Promise<Reply> {
  switch (question.kind) {
    case 'get':
      return read(question);
    case 'scan':
      return keysOf(client.scan({ prefix: question.prefix, cursor: question.cursor }));
    case 'search':
      return keysOf(client.search(question.query, { cursor: question.cursor }));
  }
}

async function reply(line: string): Promise<void> {
  const asked: unknown = JSON.parse(line);
  if (!isAsked(asked)) throw new Error(`this is no question: ${line}`);
  const { id, question } = asked;
  const answering = Promise.resolve().then(() => answer(question));
  const given = await answering.catch((caught: unknown): Reply => {
    return { kind: 'error', code: EdisError.from(caught).code };
  });
  process.stdout.write(`${JSON.stringify({ id, reply: given })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const done: Promise<void> = reply(line).finally(() => underWay.delete(done));
  underWay.add(done);
}
await Promise.all(underWay);
await client.close();
