/** Writes the records of an NDJSON file or of stdin. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Client } from '@edis/client';
import { EdisError } from '@edis/core';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { showCount } from '../figure.ts';
import { ackOption } from '../option.ts';
import { countByShard, showSpread } from '../shard-count.ts';
import { messageOf } from '../transfer/file-error.ts';
import type { ImportReport } from '../transfer/import-run.ts';
import { ImportRun } from '../transfer/import-run.ts';
import { readLines } from '../transfer/input-lines.ts';
import { importReceipt, isReceipt } from '../transfer/receipt-import.ts';
import { resumeCommand } from '../transfer/resume-command.ts';

const defaultBatchRecords = 1000;
const maxBatchRecords = 10_000;
/** A long transfer waits for a shard that changes its primary. `--timeout` changes it. */
const defaultWriteMs = 60_000;

export const importCommand: CommandDefinition = {
  name: 'import',
  arguments: [{ name: 'FILE', optional: true, completes: 'file' }],
  options: {
    'from-line': { kind: 'text', placeholder: 'N', description: 'go on at that line of the input (default 1)' },
    batch: { kind: 'text', placeholder: 'N', description: `records sent together (default ${defaultBatchRecords})` },
    ack: ackOption,
  },
  examples: [
    ['import records.ndjson', 'a line for each record: {"key":…,"value":…,"metadata":{…},"expiresAtMs":…}'],
    ['import --keyspace copy < records.ndjson', 'from stdin, which is also FILE -'],
    ['import data/write-shard-1/receipts/10-12-epoch-1.ndjson', 'brings back what is in a receipt'],
    ['import records.ndjson --from-line 5001', 'goes on where an earlier call ended'],
  ],
  async run({ positionals, options }, context) {
    const [path = '-'] = positionals;
    const fromLine = options.integer('from-line', 1, Number.MAX_SAFE_INTEGER) ?? 1;
    const batchRecords = options.integer('batch', 1, maxBatchRecords) ?? defaultBatchRecords;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    if (path === '-' && 'isTTY' in context.stdin && context.stdin.isTTY === true) {
      throw new EdisError('usage', 'import: give a FILE, or records as NDJSON on stdin');
    }
    const { input, size } = path === '-' ? { input: context.stdin, size: undefined } : await openInput(path);
    if (size !== undefined && (await isReceipt(path))) {
      input.destroy();
      if (fromLine > 1) throw new EdisError('usage', 'import: a receipt is imported as a whole; leave out --from-line');
      const { timeoutGiven, timeoutMs } = context.settings;
      return importReceipt({ path, size }, ack, timeoutGiven ? timeoutMs : defaultWriteMs, context);
    }
    try {
      const transfer = { input, size, fromLine, batchRecords, ack };
      return await withClient(context, async (client) => {
        const report = await runImport(client, transfer, context);
        checkReached(report, path, fromLine);
        const rest = ['--batch', String(batchRecords), ...(ack === undefined ? [] : ['--ack', ack])];
        const shown = batchRecords === defaultBatchRecords ? rest.slice(2) : rest;
        return printReport(report, client.token, (line) => [path, '--from-line', String(line), ...shown], context);
      });
    } finally {
      input.destroy();
    }
  },
};

async function openInput(path: string): Promise<{ input: Readable; size: number }> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw new Error('it is a directory');
    const input = createReadStream(path, { highWaterMark: 256 * 1024 });
    await new Promise((resolve, reject) => {
      input.once('open', resolve);
      input.once('error', reject);
    });
    return { input, size: status.size };
  } catch (caught) {
    throw new EdisError('usage', `import: ${path} cannot be read: ${messageOf(caught)}`, { cause: caught });
  }
}

interface Transfer {
  readonly input: Readable;
  readonly size: number | undefined;
  readonly fromLine: number;
  readonly batchRecords: number;
  readonly ack: 'memory' | 'disk' | 'quorum' | undefined;
}

async function runImport(client: Client, transfer: Transfer, context: CommandContext): Promise<ImportReport> {
  const { input, size, fromLine, batchRecords, ack } = transfer;
  const { timeoutGiven, timeoutMs } = context.settings;
  const { showProgress } = await import('../transfer/progress.ts');
  const stopReading = new AbortController();
  const giveUp = new AbortController();
  // The first Ctrl-C waits for what was sent, the second does not.
  const stopListening = context.onSignal(() => (stopReading.signal.aborted ? giveUp : stopReading).abort());
  const progress = showProgress(context.output.progressTerminal, size, context);
  addAbortSignal(stopReading.signal, input);
  try {
    const run = new ImportRun(client, {
      fromLine,
      batchRecords,
      ack,
      timeoutMs: timeoutGiven ? timeoutMs : defaultWriteMs,
      stopReading: stopReading.signal,
      giveUp: giveUp.signal,
      onProgress: (bytesRead, written) => progress.update(bytesRead, written),
    });
    return await run.run(readLines(input));
  } finally {
    progress.end();
    stopListening();
  }
}

/** Where all is done, the line behind the last one is where to go on; one further on belongs to another input. */
function checkReached({ nextLine, lineCount }: ImportReport, path: string, fromLine: number): void {
  if (nextLine !== undefined || fromLine <= lineCount + 1) return;
  const what = path === '-' ? 'stdin' : path;
  const has = `${showCount(lineCount)} ${lineCount === 1 ? 'line' : 'lines'}`;
  throw new EdisError('usage', `import: --from-line is ${fromLine}, but ${what} has only ${has}; nothing was written`);
}

async function printReport(
  report: ImportReport,
  token: string,
  resumeArgs: (line: number) => readonly string[],
  { output, settings }: CommandContext,
): Promise<number> {
  const { written, expired, writtenByShard, nextLine, error } = report;
  const shards = countByShard(writtenByShard);
  const complete = nextLine === undefined;
  if (settings.json) {
    await output.json({ complete, written, expired, nextLine: nextLine ?? null, shards, token });
  } else if (complete) {
    const late = expired === 0 ? '' : `, ${showCount(expired)} left out: their deadline has passed`;
    await output.line(`${showRecords(written)} written${showSpread(shards)}${late}`);
  }
  if (nextLine === undefined || error === undefined) return exitCodes.done;
  throw new EdisError(
    error.code,
    endText(report, nextLine, error, resumeCommand('import', resumeArgs(nextLine), settings)),
    {
      cause: error,
    },
  );
}

function endText({ written, badLine }: ImportReport, nextLine: number, error: EdisError, command: string): string {
  const what = error.code === 'aborted' ? error.message : `line ${nextLine}: ${error.message}`;
  const before = nextLine === 1 ? 'no line before it' : `the lines before ${nextLine} are all done`;
  const first = badLine ? 'correct the line, then go on with' : 'go on with';
  return `${what}; ${before}, ${showRecords(written)} written now; ${first}: ${command}`;
}

function showRecords(count: number): string {
  return `${showCount(count)} ${count === 1 ? 'record' : 'records'}`;
}
