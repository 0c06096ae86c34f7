/**
 * Prints the records of a scan or a search as they come.
 *
 * Guarantees: nothing is kept but what a reader that is behind makes wait; a reader that has gone (`edis scan | head`)
 * ends the command without an error, and the shards are asked for no more. What is on stdout is records alone; the
 * cursor, when a limit ended the answer, goes to stderr.
 */
import type { RecordStream } from '@edis/client';
import type { CommandContext } from './command.ts';
import { withAdvice } from './error-advice.ts';
import { exitCodes } from './exit-code.ts';

/** Returns the exit code. */
export async function printStream<Found>(
  stream: RecordStream<Found>,
  show: (found: Found) => string,
  context: CommandContext,
): Promise<number> {
  const { output } = context;
  const lines = output.lines();
  let isBegun = false;
  try {
    for await (const found of stream) {
      isBegun = true;
      const full = lines.add(show(found));
      if (full !== undefined) await full;
      if (output.closed) return exitCodes.done;
    }
  } catch (caught) {
    // What was printed need not be fetched again; if nothing was, the same command does it.
    const { cursor } = stream;
    throw isBegun && cursor !== undefined ? withAdvice(caught, `go on with --cursor ${cursor}`) : caught;
  } finally {
    await lines.end();
  }
  noteCursor(stream.cursor, context);
  return exitCodes.done;
}

/** Says where to go on, if there is more. */
export function noteCursor(cursor: string | undefined, { output, settings }: CommandContext): void {
  if (cursor === undefined || output.closed) return;
  output.note(settings.json ? JSON.stringify({ cursor }) : `edis: there is more; go on with --cursor ${cursor}`);
}
