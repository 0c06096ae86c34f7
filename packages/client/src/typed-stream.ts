import { DecodedIterator } from './decoded-iterator.ts';
import type { RecordStream } from './query-options.ts';

/** A stream of records whose values are decoded as they are taken. */
export class DecodedStream<Found, Decoded> implements RecordStream<Decoded> {
  readonly #found: RecordStream<Found>;
  readonly #decode: (found: Found) => Promise<Decoded>;

  constructor(found: RecordStream<Found>, decode: (found: Found) => Promise<Decoded>) {
    this.#found = found;
    this.#decode = decode;
  }

  get cursor(): string | undefined {
    return this.#found.cursor;
  }

  [Symbol.asyncIterator](): DecodedIterator<Found, Decoded> {
    return new DecodedIterator(this.#found[Symbol.asyncIterator](), this.#decode);
  }

  async toArray(): Promise<Decoded[]> {
    const decoded: Decoded[] = [];
    for await (const each of this) decoded.push(each);
    return decoded;
  }
}
