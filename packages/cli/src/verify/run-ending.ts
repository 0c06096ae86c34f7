/**
 * What signals ask of a run that takes long and has to clean up: the first ends it early with the verdict on what was
 * done, the second without a verdict, and one that comes while it cleans up leaves the rest to the person.
 */
import { EdisError } from '@edis/core';

export class RunEnding {
  readonly #note: (line: string) => void;
  #signals = 0;
  #giveUp: (() => void) | undefined;

  constructor(note: (line: string) => void) {
    this.#note = note;
  }

  get isAsked(): boolean {
    return this.#signals > 0;
  }

  /** Whoever asks twice does not wait for a verdict. */
  get isUrgent(): boolean {
    return this.#signals > 1;
  }

  onSignal(): void {
    this.#signals += 1;
    if (this.#signals === 1) this.#note('edis: ending; the verdict on what was done follows, once more for none');
    if (this.#signals === 2) this.#note('edis: ending without a verdict');
    // The first is for the work itself, unless that is over.
    if (this.#signals > 1) this.#giveUp?.();
  }

  /** Rejects with 'aborted' when another signal comes before the end, the first one excepted. */
  async unlessGivenUp<Result>(work: Promise<Result>, what: string): Promise<Result> {
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = () => reject(new EdisError('aborted', what));
    });
    try {
      return await Promise.race([work, givenUp]);
    } finally {
      this.#giveUp = undefined;
    }
  }
}
