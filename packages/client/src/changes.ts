/** Tells whoever waits for a node that there may be one now: a newer map came, or a node says that it is ready. */
export class Changes {
  readonly #listeners = new Set<() => void>();

  /** Calls back at each change until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  fire(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
