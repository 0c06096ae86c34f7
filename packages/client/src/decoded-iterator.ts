/**
 * Goes through what another iterator gives, decoded. Not a generator: the `return` of one waits for its pending step,
 * and nobody knows when a change feed has its next event.
 */
export class DecodedIterator<Found, Decoded> implements AsyncIterableIterator<Decoded, undefined> {
  readonly #found: AsyncIterator<Found>;
  readonly #decode: (found: Found) => Promise<Decoded> | Decoded;
  #ended = false;

  constructor(found: AsyncIterator<Found>, decode: (found: Found) => Promise<Decoded> | Decoded) {
    this.#found = found;
    this.#decode = decode;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Decoded, undefined>> {
    if (this.#ended) return { done: true, value: undefined };
    const step = await this.#found.next();
    if (step.done === true) return { done: true, value: undefined };
    try {
      return { done: false, value: await this.#decode(step.value) };
    } catch (error) {
      // What cannot be decoded ends it, as an error in its own loop would.
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Decoded, undefined>> {
    this.#ended = true;
    await this.#found.return?.();
    return { done: true, value: undefined };
  }
}
