import type { CommandContext } from '../command.ts';
import { makeProgressBar, type ProgressTerminal } from '../progress-bar.ts';

/** How far a long transfer is, for the person who waits for it. */
export interface Progress {
  /** @param done of the total, in its unit */
  update(done: number, records: number): void;
  end(): void;
}

/** Shows nothing. */
export const silentProgress: Progress = { update: () => {}, end: () => {} };

/**
 * A line on stderr that is kept up to date, if a person looks at it: not with --json, not on a dumb terminal.
 * @param total undefined: not known
 */
export function showProgress(
  terminal: ProgressTerminal,
  total: number | undefined,
  context: Pick<CommandContext, 'settings' | 'environment'>,
): Progress {
  const known = total !== undefined && total > 0;
  const format = known ? '{bar} {percentage} %  {records} records  {eta_formatted}' : '{records} records  {speed}/s';
  const bar = makeProgressBar(terminal, format, context);
  if (bar === undefined) return silentProgress;
  const startMs = Date.now();
  bar.start(known ? total : 0, 0, { records: 0, speed: 0 });
  return {
    update: (done, records) => {
      const seconds = Math.max(0.001, (Date.now() - startMs) / 1000);
      bar.update(known ? Math.min(done, total) : 0, { records, speed: Math.round(records / seconds) });
    },
    end: () => bar.stop(),
  };
}
