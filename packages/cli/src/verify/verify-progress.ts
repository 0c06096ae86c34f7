import type { CommandContext } from '../command.ts';
import { makeProgressBar, type ProgressTerminal } from '../progress-bar.ts';

/** How far a verification is, for the person who waits for it. */
export interface VerifyProgress {
  update(elapsedMs: number, operations: number, violations: number): void;
  end(): void;
}

/** A line on stderr that is kept up to date, if a person looks at it: not with --json, not on a dumb terminal. */
export function showVerifyProgress(
  terminal: ProgressTerminal,
  durationMs: number,
  context: Pick<CommandContext, 'settings' | 'environment'>,
): VerifyProgress {
  const format = '{bar} {seconds} s  {operations} operations  {violations} violations';
  const bar = makeProgressBar(terminal, format, context);
  if (bar === undefined) return { update: () => {}, end: () => {} };
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
