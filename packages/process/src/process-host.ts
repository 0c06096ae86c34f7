import type { Logger, LogLevel } from './logger.ts';
import type { Environment } from './settings.ts';

/** What runProcess needs of the process around it; tests give one that keeps everything in memory. */
export interface ProcessHost {
  /** Command line without node and script. */
  readonly args: readonly string[];
  readonly environment: Environment;
  /** A person reads stdout. */
  readonly isTerminal: boolean;
  writeOut(text: string): void;
  writeError(text: string): void;
  exit(code: number): void;
  /** SIGTERM, SIGINT and SIGHUP. */
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
  onUncaught(listener: (caught: unknown) => void): void;
  onStdinClosed(listener: () => void): void;
  /** Waits for the work; false when it took longer. What fails in time, throws. */
  within(work: Promise<void>, timeoutMs: number): Promise<boolean>;
  createLogger?(name: string, level: LogLevel): Logger;
}

/** The real process. */
export function nodeHost(): ProcessHost {
  return {
    args: process.argv.slice(2),
    environment: process.env,
    isTerminal: process.stdout.isTTY,
    writeOut: (text) => {
      process.stdout.write(text);
    },
    writeError: (text) => {
      process.stderr.write(text);
    },
    exit: exitAfterOutput,
    onSignal: (listener) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, listener);
    },
    onUncaught: (listener) => {
      process.on('uncaughtException', listener);
      process.on('unhandledRejection', listener);
    },
    onStdinClosed: (listener) => {
      process.stdin.once('end', listener).once('close', listener).once('error', listener);
      process.stdin.resume();
    },
    within,
  };
}

/** Ends the process once both outputs are written: a pipe is written asynchronously, and exit would cut it. */
function exitAfterOutput(code: number): void {
  process.exitCode = code;
  // Whoever reads the other end may be stuck; a second is plenty for a line.
  setTimeout(() => process.exit(code), 1000);
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

export async function within(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
