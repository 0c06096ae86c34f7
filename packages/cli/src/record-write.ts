/**
 * `mput`: records that are each written on their own, and a report that says of each how it ended.
 *
 * Guarantees: memory is bounded by what is in flight and one chunk of the input, also with --json, whose one document
 * is printed as the records end; when a record fails, those that were sent beside it are reported too, and no more is
 * sent. Nothing is printed on stdout while nothing was sent.
 */
import type { Client, PutResult } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import type { CommandContext } from './command.ts';
import { withAdvice } from './error-advice.ts';
import { exitCodes } from './exit-code.ts';
import { showCount } from './figure.ts';
import { toJsonBytes } from './json-bytes.ts';
import type { InputRecord } from './record-input.ts';
import { showBytesLine } from './record-view.ts';
import { countByShard, showSpread } from './shard-count.ts';

/** Enough to fill the batches of every shard. */
const maxInFlight = 2000;

interface Ended {
  readonly record: InputRecord;
  readonly result: PutResult | EdisError;
}

/** Returns the exit code. */
export async function writeRecords(
  client: Client,
  chunks: AsyncIterable<readonly InputRecord[]>,
  ack: Ack | undefined,
  context: CommandContext,
): Promise<number> {
  const report = new WriteReport(context);
  try {
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length && report.failure === undefined; from += maxInFlight) {
        const sent = chunk.slice(from, from + maxInFlight).map((record) => write(client, record, ack));
        await report.add(await Promise.all(sent));
      }
      if (report.failure !== undefined) break;
    }
  } catch (caught) {
    if (report.sent > 0) await report.end(client.token);
    throw withAdvice(caught, soFar(report.written));
  }
  await report.end(client.token);
  if (report.failure !== undefined) throw failureOf(report, report.failure);
  return exitCodes.done;
}

/** Never rejects. */
async function write(client: Client, record: InputRecord, ack: Ack | undefined): Promise<Ended> {
  const { key, value, ...life } = record.entry;
  try {
    return { record, result: await client.put(key, value, { ...life, ack }) };
  } catch (caught) {
    return { record, result: EdisError.from(caught) };
  }
}

class WriteReport {
  readonly #context: CommandContext;
  readonly #writtenByShard = new Map<string, number>();
  sent = 0;
  written = 0;
  /** The first one of the input that was not written. */
  failure: { readonly record: InputRecord; readonly error: EdisError } | undefined;
  /** Of any write. */
  outcomeUnknown = false;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async add(ended: readonly Ended[]): Promise<void> {
    const { output, settings } = this.#context;
    const isFirst = this.sent === 0;
    for (const { record, result } of ended) {
      this.sent += 1;
      if (result instanceof EdisError) {
        this.failure ??= { record, error: result };
        this.outcomeUnknown ||= result.outcomeUnknown;
      } else {
        this.written += 1;
        this.#writtenByShard.set(result.shard, (this.#writtenByShard.get(result.shard) ?? 0) + 1);
      }
    }
    if (!settings.json) return;
    const documents = ended.map((each) => JSON.stringify(endedJson(each))).join(',');
    await output.write(`${isFirst ? '{"records":[' : ','}${documents}`);
  }

  async end(token: string): Promise<void> {
    const { output, settings } = this.#context;
    const shards = countByShard(this.#writtenByShard);
    if (settings.json) {
      const rest = JSON.stringify({ written: this.written, failed: this.sent - this.written, shards, token });
      await output.line(`${this.sent === 0 ? '{"records":[' : ''}],${rest.slice(1)}`);
    } else if (this.failure === undefined) {
      await output.line(`${showRecords(this.written)} written${showSpread(shards)}`);
    }
  }
}

function endedJson({ record, result }: Ended) {
  const key = toJsonBytes(record.entry.key);
  if (!(result instanceof EdisError)) return { key, version: result.version, shard: result.shard };
  const { code, message, outcomeUnknown } = result;
  return { key, error: { code, message, ...(outcomeUnknown ? { outcomeUnknown } : {}) } };
}

function failureOf(report: WriteReport, { record, error }: NonNullable<WriteReport['failure']>): EdisError {
  const { code, message, retryAfterMs } = error;
  const { line, entry } = record;
  const where = line === undefined ? showBytesLine(entry.key) : `line ${line}`;
  const count = `${showCount(report.written)} of ${showRecords(report.sent)} written`;
  return new EdisError(code, `${count}; ${where}: ${message}`, {
    cause: error,
    outcomeUnknown: report.outcomeUnknown,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function soFar(written: number): string {
  if (written === 0) return 'no earlier record was written';
  return `${showCount(written)} earlier ${written === 1 ? 'record was' : 'records were'} written`;
}

function showRecords(count: number): string {
  return `${showCount(count)} ${count === 1 ? 'record' : 'records'}`;
}
