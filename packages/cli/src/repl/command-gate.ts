/** What one command of a session prints, until it is cancelled: then nothing more of it appears. */
import { Readable, Writable } from 'node:stream';
import { EdisError } from '@edis/core';
import { Output } from '../output.ts';

export class CommandGate {
  readonly output: Output;
  readonly #streams: readonly Writable[];

  constructor(output: Output) {
    const stdout = new Writable({
      write(chunk: Buffer, _, done) {
        const closed = () => (output.closed ? new Error('the reader has gone') : undefined);
        output.write(chunk).then(() => done(closed()), done);
      },
    });
    const stderr = new Writable({
      write(chunk: Buffer, _, done) {
        // A flush writes nothing.
        if (chunk.length > 0) output.note(chunk.toString().replace(/\n$/, ''));
        done();
      },
    });
    this.#streams = [stdout, stderr];
    this.output = new Output(stdout, stderr, { isTerminal: output.isTerminal, columns: output.columns });
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy(new Error('the command was cancelled'));
  }
}

/** Stdin is where the commands come from: no command can read a value there. */
export function noStdin(): Readable {
  return new Readable({
    read() {
      this.destroy(new EdisError('usage', 'a session has no stdin of its own; write the value in quotes'));
    },
  });
}
