import type { GetResult } from '@edis/client';
import type { CommandContext } from './command.ts';
import { decodeText } from './json-bytes.ts';
import type { Output } from './output.ts';
import { printableBytes, printableText } from './printable.ts';
import { recordJson } from './record-view.ts';

/** The record with --json, else its value alone. */
export async function printRecord(record: GetResult, { output, settings }: CommandContext): Promise<void> {
  if (settings.json) await output.json(recordJson(record));
  else if (output.isTerminal) await output.write(shownValue(record.value));
  else await writeValue(record.value, output);
}

/** For pipes and files: text ends in a newline, as shells expect; other bytes come out exactly as they are. */
async function writeValue(value: Uint8Array, output: Output): Promise<void> {
  await output.write(value);
  const text = decodeText(value);
  if (text !== undefined && !text.endsWith('\n')) await output.write('\n');
}

/** For a terminal: what could act on it is shown, not sent. */
function shownValue(value: Uint8Array): string {
  const text = decodeText(value);
  if (text === undefined) return `${printableBytes(value)}\n`;
  return printableText(text.endsWith('\n') ? text : `${text}\n`);
}
