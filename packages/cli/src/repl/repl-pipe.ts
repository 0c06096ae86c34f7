/** A session for a script: command lines from a pipe, no prompt, and the exit code of the last command that failed. */
import type { Readable } from 'node:stream';
import { EdisError } from '@edis/core';
import { exitCodes } from '../exit-code.ts';
import { readLines } from '../transfer/input-lines.ts';
import { LineJoiner } from './line-joiner.ts';
import type { ReplSession } from './repl-session.ts';

export async function runPipe(input: Readable, session: ReplSession, stop: AbortSignal): Promise<number> {
  const joiner = new LineJoiner();
  let failed: number = exitCodes.done;
  let begunAt = 1;
  for await (const { lines } of readLines(input)) {
    for (const { number, text, fault = '' } of lines) {
      if (text === undefined) throw new EdisError('invalid-argument', `line ${number} ${fault}`);
      if (joiner.open === '') begunAt = number;
      const words = joiner.add(text);
      if (words === undefined) continue;
      const { exitCode, ended } = await session.run(words);
      if (exitCode !== exitCodes.done) failed = exitCode;
      if (ended || stop.aborted) return failed;
    }
  }
  if (joiner.open === '') return failed;
  throw new EdisError('usage', `line ${begunAt}: a quote is not closed, or nothing comes after the last backslash`);
}
