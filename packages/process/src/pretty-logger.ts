import { Writable } from 'node:stream';
import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { LoggerOptions } from './logger.ts';
import { lineSettings } from './logger.ts';

/** Logs as `createLogger` does, for people. A file of its own: few processes write to a terminal. */
export function createPrettyLogger(options: LoggerOptions): Logger {
  const stream = pretty({
    destination: options.destination === undefined ? 1 : lineWriter(options.destination),
    sync: true,
    colorize: options.destination === undefined,
    ignore: 'pid,name',
    translateTime: 'HH:MM:ss.l',
  });
  return pino(lineSettings(options), stream);
}

function lineWriter(target: DestinationStream): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      target.write(chunk.toString());
      done();
    },
  });
}
