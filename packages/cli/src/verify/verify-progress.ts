import { SingleBar } from 'cli-progress';
import type { CommandContext } from '../command.ts';

/** How far a verification is, for the person who waits for it. */
export interface VerifyProgress {
  update(elapsedMs: number, operations: number, violations: number): void;
  end(): void;
}

/** A line on stderr that is kept up to date, if a person looks at it: not with --json, not on a dumb terminal. */
export function showVerifyProgress(
  terminal: NodeJS.WritableStream & { readonly isTTY?: boolean },
  durationMs: number,
  { settings, environment }: Pick<CommandContext, 'settings' | 'environment'>,
): VerifyProgress {
  if (terminal.isTTY !== true || settings.json || environment['TERM'] === 'dumb') {
    return { update: () => {}, end: () => {} };
  }
  const bar = new SingleBar({
    stream: terminal,
    format: '{bar} {seconds} s  {operations} operations  {violations} violations',
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    fps: 5,
    hideCursor: null,
    clearOnComplete: true,
    stopOnComplete: false,
    // Signals are the command's own: it ends properly, and so does the bar.
    gracefulExit: false,
  });
  bar.start(durationMs, 0, { seconds: 0, operations: 0, violations: 0 });
  return {
    update: (elapsedMs, operations, violations) =>
      bar.update(Math.min(elapsedMs, durationMs), {
        seconds: Math.round(elapsedMs / 1000),
        operations,
        violations,
      }),
    end: () => bar.stop(),
  };
}
