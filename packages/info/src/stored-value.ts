import { EdisError } from '@edis/core';

/** One value out of a stored row, read with checks: what does not have the expected shape is damage. */
export class StoredValue {
  readonly #value: unknown;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    this.#value = value;
    this.#where = where;
  }

  field(name: string): StoredValue {
    const value = this.#value;
    const found: unknown =
      typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    return new StoredValue(found, `${this.#where}.${name}`);
  }

  /** Whether there is no such field. */
  get absent(): boolean {
    return this.#value === undefined;
  }

  text(): string {
    return typeof this.#value === 'string' ? this.#value : this.#refuse('text');
  }

  count(): number {
    const value = this.#value;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : this.#refuse('a count');
  }

  flag(): boolean {
    return typeof this.#value === 'boolean' ? this.#value : this.#refuse('true or false');
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    return choices.find((choice) => choice === this.#value) ?? this.#refuse(choices.join(' or '));
  }

  list<T>(read: (item: StoredValue) => T): readonly T[] {
    const value = this.#value;
    if (!Array.isArray(value)) return this.#refuse('a list');
    return value.map((item: unknown, index) => read(new StoredValue(item, `${this.#where}[${index}]`)));
  }

  #refuse(expected: string): never {
    throw new EdisError('damaged', `info's stored ${this.#where} is not ${expected}`);
  }
}
