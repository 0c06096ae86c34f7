import type { Client, Key, ScanOptions } from '@edis/client';
import type { CommandContext } from './command.ts';
import { toJsonBytes } from './json-bytes.ts';
import { RepliesByKey } from './read-replies.ts';
import { answererJson, showBytesLine } from './record-view.ts';
import { printStream } from './stream-print.ts';

/** Prints the keys of a range; with --json who gave each of them, too. Returns the exit code. */
export function printKeys(client: Client, range: ScanOptions, context: CommandContext): Promise<number> {
  const replies = new RepliesByKey(context.settings.json);
  const keyText = (key: Key): string => JSON.stringify({ key: toJsonBytes(key), ...answererJson(replies.take(key)) });
  const show = context.settings.json ? keyText : showBytesLine;
  return printStream(client.keys({ ...range, ...replies.option }), show, context);
}
