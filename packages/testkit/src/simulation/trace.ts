import { hashOf } from './seeded-random.ts';

/** Newest lines that are kept: enough to see what led to a failure, little enough to be read. */
const defaultCapacity = 500;
/** Lines without the messages; the first ones are worth as much as the last. */
const storyCapacity = 5000;
/** What lines about messages begin with. */
const messageMark = '< ';

interface TraceLine {
  readonly timeMs: number;
  readonly where: string;
  readonly what: string;
}

/**
 * What happened in a simulation, a line each: for people the story (all but the messages) and the newest lines with
 * them, and a digest of all lines, by which two runs can be compared.
 */
export class Trace {
  readonly #capacity: number;
  readonly #story: TraceLine[] = [];
  readonly #lines: TraceLine[] = [];
  /** Where the oldest line is once all places are taken. */
  #oldest = 0;
  #count = 0;
  #digest = 0;

  constructor(capacity = defaultCapacity) {
    this.#capacity = capacity;
  }

  add(timeMs: number, where: string, what: string): void {
    const line = { timeMs, where, what };
    this.#count += 1;
    // Most lines are never read: only what nobody sees is made of each.
    this.#digest = hashOf(what, hashOf(where, this.#digest ^ Math.round(timeMs * 1000)));
    if (this.#story.length < storyCapacity && !what.startsWith(messageMark)) this.#story.push(line);
    if (this.#lines.length < this.#capacity) {
      this.#lines.push(line);
      return;
    }
    this.#lines[this.#oldest] = line;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** Somebody hears something from somebody. */
  addMessage(timeMs: number, where: string, from: string, what: string): void {
    this.add(timeMs, where, `${messageMark}${from} ${what}`);
  }

  /** How many lines there have been. */
  get count(): number {
    return this.#count;
  }

  /** Says the same of two runs only if each line was the same. */
  get digest(): string {
    return `${this.#count}:${this.#digest.toString(16).padStart(8, '0')}`;
  }

  /** All but the messages, from the beginning. */
  story(): readonly string[] {
    return this.#story.map(textOf);
  }

  /** The newest lines, oldest first. */
  lines(): readonly string[] {
    return [...this.#lines.slice(this.#oldest), ...this.#lines.slice(0, this.#oldest)].map(textOf);
  }

  toString(): string {
    const dropped = this.#count - this.#lines.length;
    if (dropped === 0) return this.lines().join('\n');
    const head = [...this.story(), '', `${dropped} earlier lines; the newest ones with their messages:`];
    return [...head, ...this.lines()].join('\n');
  }
}

function textOf({ timeMs, where, what }: TraceLine): string {
  return `${timeMs.toFixed(3).padStart(12)} ${where.padEnd(8)} ${what}`;
}
