import { Writable } from 'node:stream';
import type { DestinationStream, Logger } from 'pino';
import { destination, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Name of the binary; on every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** For people instead of programs. Default: when stdout is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go. Default: stdout. */
  readonly destination?: DestinationStream;
}

/**
 * Logs one JSON object per line to stdout. Lines are written synchronously: the last words of a process that ends are
 * the ones that matter.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { name: options.name, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
  };
  if (options.pretty ?? process.stdout.isTTY) {
    const stream = pretty({
      destination: options.destination === undefined ? 1 : lineWriter(options.destination),
      sync: true,
      colorize: options.destination === undefined,
      ignore: 'pid,name',
      translateTime: 'HH:MM:ss.l',
    });
    return pino(settings, stream);
  }
  return pino(settings, options.destination ?? destination({ dest: 1, sync: true }));
}

function lineWriter(target: DestinationStream): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      target.write(chunk.toString());
      done();
    },
  });
}
