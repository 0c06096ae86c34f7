import cliProgress, { type SingleBar } from 'cli-progress';
import type { CommandContext } from './command.ts';

/** The part of a terminal that a progress line needs. */
export type ProgressTerminal = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * A line that is kept up to date, if a person looks at it. Undefined: with --json, and on what is no terminal or a dumb
 * one.
 * @param format of cli-progress
 */
export function makeProgressBar(
  terminal: ProgressTerminal,
  format: string,
  { settings, environment }: Pick<CommandContext, 'settings' | 'environment'>,
): SingleBar | undefined {
  if (terminal.isTTY !== true || settings.json || environment['TERM'] === 'dumb') return undefined;
  return new cliProgress.SingleBar({
    stream: terminal,
    format,
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    fps: 5,
    // Before anything is done, and without a total, nobody knows; the bar would say 0s, NULL or INF.
    formatTime: (seconds, options, step) =>
      Number(seconds) > 0 ? `${cliProgress.Format.TimeFormat(seconds, options, step)} left` : '',
    hideCursor: null,
    clearOnComplete: true,
    stopOnComplete: false,
    // Signals are the command's own: it ends properly, and so does the bar.
    gracefulExit: false,
  });
}
