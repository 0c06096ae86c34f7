import { limits } from '@edis/core';
import { splitWords } from './words.ts';

/** A command line is never longer than its value and what goes with it. */
const maxLength = 2 * limits.maxValueBytes;

/** Joins lines to command lines: a quote may go over several, and a backslash at the end continues. */
export class LineJoiner {
  #text = '';

  /** What has come of a command line that is not at its end. */
  get open(): string {
    return this.#text;
  }

  /** The words, if this line ends a command line; undefined: more has to come. */
  add(line: string): string[] | undefined {
    this.#text += line;
    const words = splitWords(this.#text);
    if (words !== undefined) {
      this.#text = '';
      return words;
    }
    this.#text += '\n';
    if (this.#text.length > maxLength) this.#text = '';
    return undefined;
  }

  clear(): void {
    this.#text = '';
  }
}
