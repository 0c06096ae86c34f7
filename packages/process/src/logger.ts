import type { DestinationStream, Logger } from 'pino';
import { destination, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Name of the binary; on every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines go. Default: stdout. */
  readonly destination?: DestinationStream;
}

/**
 * Logs one JSON object per line to stdout. Lines are written synchronously: the last words of a process that ends are
 * the ones that matter.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(lineSettings(options), options.destination ?? destination({ dest: 1, sync: true }));
}

/** What every line has, whoever it is for. */
export function lineSettings({ name, level }: LoggerOptions): pino.LoggerOptions {
  return { level, base: { name, pid: process.pid }, timestamp: stdTimeFunctions.isoTime };
}
