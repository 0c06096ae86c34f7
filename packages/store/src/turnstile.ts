/** Lets one piece of asynchronous work through at a time, in the order of asking. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();

  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    const previous = this.#last;
    const { promise, resolve } = withResolvers();
    this.#last = promise;
    await previous;
    try {
      return await work();
    } finally {
      resolve();
    }
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Lets the event loop do everything else that is ready. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
