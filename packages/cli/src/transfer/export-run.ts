/**
 * Guarantees: the records are in the order of their keys, and memory is bounded by what a reader that is behind makes
 * wait; a reader that has gone ends the command without an error; however else it ends early, what was written ends
 * with a whole line, and the error has the command that goes on exactly there.
 */
import type { Client, ScanOptions } from '@edis/client';
import { EdisError } from '@edis/core';
import type { CommandContext } from '../command.ts';
import { exitCodes } from '../exit-code.ts';
import { showCount } from '../figure.ts';
import { PartialFile } from './partial-file.ts';
import type { Progress } from './progress.ts';
import { formatRecordLine } from './record-line.ts';
import { resumeCommand } from './resume-command.ts';

export interface ExportPlan {
  /** `-`: stdout. */
  readonly path: string;
  readonly query: ScanOptions & { readonly signal: AbortSignal };
  /** Arguments of the command that goes on, without its cursor. */
  readonly resume: readonly string[];
  /** The whole keyspace: how many records there are is known. */
  readonly whole: boolean;
}

/** Where the lines go. */
interface Target {
  add(line: string, cursor: string | undefined): Promise<void> | undefined;
  /** The reader has gone. */
  readonly closed: boolean;
  finish(): Promise<void>;
  /** Returns the cursor of what was written. */
  keep(cursor: string | undefined): Promise<string | undefined>;
}

/** Returns the exit code. */
export async function exportRecords(client: Client, plan: ExportPlan, context: CommandContext): Promise<number> {
  const { path, query, whole } = plan;
  const { output } = context;
  const { showProgress, silentProgress } = await import('./progress.ts');
  const target = path === '-' ? outputTarget(context) : await fileTarget(path, query.cursor);
  // The records themselves show a person how far it is, and a bar would stand among them.
  const isShown = path !== '-' || !output.isTerminal;
  const isCounted = isShown && output.progressTerminal.isTTY === true && !context.settings.json;
  const total = isCounted && whole && query.cursor === undefined ? await client.count().catch(() => 0) : undefined;
  const progress = isShown ? showProgress(output.progressTerminal, total, context) : silentProgress;
  const state = { records: 0, cursor: query.cursor };
  try {
    await copyAll(client, query, target, state, progress);
  } catch (caught) {
    const cursor = await target.keep(state.cursor);
    throw interruptedError(caught, state.records, cursor, plan, context);
  } finally {
    progress.end();
  }
  if (path !== '-') await printSummary(path, state.records, context);
  return exitCodes.done;
}

async function copyAll(
  client: Client,
  query: ExportPlan['query'],
  target: Target,
  state: { records: number; cursor: string | undefined },
  progress: Progress,
): Promise<void> {
  const stream = client.scan(query);
  for await (const record of stream) {
    const full = target.add(formatRecordLine(record), stream.cursor);
    state.records += 1;
    state.cursor = stream.cursor;
    if (full !== undefined) {
      progress.update(state.records, state.records);
      await full;
    }
    if (target.closed) break;
    if (query.signal.aborted && stream.cursor !== undefined) throw new EdisError('aborted', 'interrupted');
  }
  await target.finish();
}

function outputTarget({ output }: CommandContext): Target {
  const lines = output.lines();
  return {
    add: (line) => lines.add(line),
    get closed() {
      return output.closed;
    },
    finish: () => lines.end(),
    keep: async (cursor) => {
      await lines.end();
      return cursor;
    },
  };
}

async function fileTarget(path: string, cursor: string | undefined): Promise<Target> {
  const file = await PartialFile.open(path, cursor);
  return {
    add: (line, behind) => file.add(line, behind),
    closed: false,
    finish: () => file.finish(),
    keep: async (behind) => {
      // What could not be written is not behind the cursor: the file knows how far it got.
      await file.keep(behind).catch(() => {});
      return file.cursor;
    },
  };
}

function interruptedError(
  caught: unknown,
  records: number,
  cursor: string | undefined,
  { path, query, resume }: ExportPlan,
  { settings }: CommandContext,
): EdisError {
  const { code, message } = EdisError.from(caught);
  const what = query.signal.aborted ? 'interrupted' : message;
  const where = path === '-' ? 'written' : `written to ${path}.part`;
  const args = cursor === undefined ? resume : [...resume, '--cursor', cursor];
  const command = resumeCommand('export', args, settings);
  const count = `${showCount(records)} ${records === 1 ? 'record' : 'records'}`;
  return new EdisError(query.signal.aborted ? 'aborted' : code, `${what}; ${count} ${where}; go on with: ${command}`, {
    cause: caught,
  });
}

async function printSummary(path: string, records: number, { output, settings }: CommandContext): Promise<void> {
  if (settings.json) await output.json({ file: path, records });
  else await output.line(`${showCount(records)} ${records === 1 ? 'record' : 'records'} written to ${path}`);
}
