import { EdisError } from '@edis/core';
import type { Output } from './output.ts';
import { printableLine } from './printable.ts';

export interface ReportOptions {
  readonly json: boolean;
  /** Show where a bug of ours happened. */
  readonly debug: boolean;
}

/** Says in one line what went wrong. Returns the exit code. */
export async function reportError(caught: unknown, output: Output, options: ReportOptions): Promise<number> {
  const { exitCodeOf, exitCodes } = await import('@edis/process');
  const error = EdisError.from(caught);
  const exitCode = exitCodeOf(error.code);
  const bug = exitCode === exitCodes.bug;
  const message = oneLine(error.message) + advice(error, bug);
  if (options.json) {
    const { code, outcomeUnknown, retryAfterMs } = error;
    const details = {
      ...(outcomeUnknown ? { outcomeUnknown } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
    output.note(JSON.stringify({ error: { code, message, ...details } }));
  } else {
    output.note(`edis: ${printableLine(message)}`);
  }
  if (bug && options.debug) {
    const { stack } = error.cause instanceof Error ? error.cause : error;
    output.note(stack ?? 'no stack is known');
  }
  return exitCode;
}

function advice(error: EdisError, bug: boolean): string {
  if (bug) return ' (a bug of Edis; EDIS_DEBUG=1 shows where)';
  if (error.outcomeUnknown) return ' (it may have been carried out: look before you repeat it)';
  if (error.code === 'busy' && error.retryAfterMs !== undefined) return ` (try again in ${error.retryAfterMs} ms)`;
  return '';
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
