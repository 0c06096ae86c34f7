import type { NotApplied } from '@edis/client';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit-code.ts';
import { printableLine } from './printable.ts';
import { notAppliedJson, showNotApplied } from './record-view.ts';

/** A condition did not hold. Returns the exit code. */
export async function printNotApplied(result: NotApplied, { output, settings }: CommandContext): Promise<number> {
  if (settings.json) await output.json(notAppliedJson(result));
  else output.note(`edis: ${showNotApplied(result)}`);
  return exitCodes.negative;
}

/** There is no record; `json` is the document that says so. Returns the exit code. */
export async function printNotFound(
  key: string,
  json: Readonly<Record<string, unknown>>,
  { output, settings }: CommandContext,
): Promise<number> {
  if (settings.json) await output.json({ key, ...json });
  else output.note(`edis: not found: ${printableLine(key)}`);
  return exitCodes.negative;
}
