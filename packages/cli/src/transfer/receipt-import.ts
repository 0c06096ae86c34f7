/** `edis import` of a receipt. */
import { createReadStream } from 'node:fs';
import type { Ack } from '@edis/core';
import type { CommandContext } from '../command.ts';
import { withCluster } from '../connection.ts';
import { withAdvice } from '../error-advice.ts';
import { exitCodes } from '../exit-code.ts';
import { showCount } from '../figure.ts';
import { countByShard, showSpread } from '../shard-count.ts';
import { readLines } from './input-lines.ts';
import { isReceiptLine } from './receipt-line.ts';
import type { ReceiptReport } from './receipt-run.ts';
import { ReceiptRun } from './receipt-run.ts';

export interface ReceiptFile {
  readonly path: string;
  readonly size: number;
}

/** Whether a file is a receipt and not an export, by its first line. */
export async function isReceipt(path: string): Promise<boolean> {
  const input = createReadStream(path);
  try {
    for await (const { lines } of readLines(input)) {
      const first = lines.find(({ text }) => text?.trim() !== '');
      if (first !== undefined) return first.text !== undefined && isReceiptLine(first.text);
    }
    return false;
  } finally {
    input.destroy();
  }
}

/** @param timeoutMs of each write */
export async function importReceipt(
  { path, size }: ReceiptFile,
  ack: Ack | undefined,
  timeoutMs: number,
  context: CommandContext,
): Promise<number> {
  const { showProgress } = await import('./progress.ts');
  const stop = new AbortController();
  const stopListening = context.onSignal(() => stop.abort());
  const progress = showProgress(context.output.progressTerminal, size, context);
  const onProgress = (bytesRead: number, written: number) => progress.update(bytesRead, written);
  try {
    return await withCluster(context, async (client) => {
      const run = new ReceiptRun(client, { ack, timeoutMs, stopReading: stop.signal, onProgress });
      const report = await run.run(() => readLines(createReadStream(path, { highWaterMark: 256 * 1024 })));
      progress.end();
      return printReport(report, client.token, context);
    });
  } finally {
    progress.end();
    stopListening();
  }
}

async function printReport(
  report: ReceiptReport,
  token: string,
  { output, settings }: CommandContext,
): Promise<number> {
  const { error, writtenByShard, ...counts } = report;
  const shards = countByShard(writtenByShard);
  if (settings.json) await output.json({ complete: error === undefined, ...counts, shards, token });
  else if (error === undefined) await output.line(showReport(report, shards));
  if (error === undefined) return exitCodes.done;
  throw withAdvice(error, `${showCount(counts.written)} written now; begin again: what is done is left out then`);
}

function showReport(
  { written, removed, newer, expired, dropped }: ReceiptReport,
  shards: Record<string, number>,
): string {
  const parts = [`${showCount(written)} written${showSpread(shards)}`];
  if (removed > 0) parts.push(`${showCount(removed)} removed`);
  if (newer > 0) parts.push(`${showCount(newer)} left out: something newer is there, or nothing to remove`);
  if (expired > 0) parts.push(`${showCount(expired)} left out: their deadline has passed`);
  if (dropped > 0) parts.push(`${showCount(dropped)} left out: their keyspace is no more`);
  return parts.join(', ');
}
