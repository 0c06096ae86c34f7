import { hashOf } from './seeded-random.ts';

/** Lines that are kept: enough to see what led to a failure, little enough to be read. */
const defaultCapacity = 2000;

/**
 * What happened in a simulation, a line each: the newest lines for people, and a digest of all of them, by which two
 * runs can be compared.
 */
export class Trace {
  readonly #capacity: number;
  readonly #lines: string[] = [];
  /** Where the oldest line is once all places are taken. */
  #oldest = 0;
  #count = 0;
  #digest = 0;

  constructor(capacity = defaultCapacity) {
    this.#capacity = capacity;
  }

  add(timeMs: number, where: string, what: string): void {
    const line = `${timeMs.toFixed(3).padStart(12)} ${where.padEnd(8)} ${what}`;
    this.#count += 1;
    this.#digest = hashOf(line, this.#digest);
    if (this.#lines.length < this.#capacity) {
      this.#lines.push(line);
      return;
    }
    this.#lines[this.#oldest] = line;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** How many lines there have been. */
  get count(): number {
    return this.#count;
  }

  /** Says the same of two runs only if each line was the same. */
  get digest(): string {
    return `${this.#count}:${this.#digest.toString(16).padStart(8, '0')}`;
  }

  /** The newest lines, oldest first. */
  lines(): readonly string[] {
    return [...this.#lines.slice(this.#oldest), ...this.#lines.slice(0, this.#oldest)];
  }

  toString(): string {
    const dropped = this.#count - this.#lines.length;
    const head = dropped > 0 ? [`… ${dropped} earlier lines`] : [];
    return [...head, ...this.lines()].join('\n');
  }
}
