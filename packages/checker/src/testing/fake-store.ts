/** A store in memory as the client's sessions show one, right by itself; tests plant faults in it. */
import { EdisError, encodeSessionToken } from '@edis/core';
import type { SessionCalls } from '../session-calls.ts';

interface StoredRecord {
  readonly value: string;
  readonly version: number;
}

interface Level {
  readonly ifAbsent?: boolean | undefined;
  readonly ifVersion?: number | undefined;
}

/** What a test may change. Each is called for every operation it is about. */
export interface Faults {
  /** The record that a read finds, in place of the newest. */
  readonly read?: (key: string, versions: readonly (StoredRecord | undefined)[]) => StoredRecord | undefined;
  /** Whether a write that will be acknowledged is not kept. */
  readonly forgets?: (key: string) => boolean;
  /** Whether a write is kept although its caller is told that it was not done. */
  readonly liesAboutFailure?: (key: string) => boolean;
  /** Whether a write ends with an unknown outcome; `after`: it was done. */
  readonly unknown?: (key: string) => 'before' | 'after' | undefined;
  /** Whether a condition is not looked at. */
  readonly skipsCondition?: (key: string) => boolean;
}

export class FakeStore {
  readonly #faults: Faults;
  /** Each key's records, the oldest first; undefined: removed. */
  readonly #records = new Map<string, (StoredRecord | undefined)[]>();
  #version = 0;

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  newest(key: string): StoredRecord | undefined {
    return this.#records.get(key)?.at(-1);
  }

  session(): SessionCalls {
    return {
      get: async (key) => {
        await Promise.resolve();
        const versions = this.#records.get(key) ?? [];
        const record = this.#faults.read === undefined ? versions.at(-1) : this.#faults.read(key, versions);
        await Promise.resolve();
        if (record === undefined) return undefined;
        const value = new TextEncoder().encode(record.value);
        return { ...this.#answer(record.version), value, servedBy: { node: 'w1', role: 'primary' }, stalenessMs: 0 };
      },
      put: async (key, value, level) => this.#write(key, level, () => value),
      delete: async (key, level) => this.#write(key, level, () => undefined),
      increment: async (key, by) => {
        const sum = (record: StoredRecord | undefined) => String(Number(record?.value ?? 0) + by);
        let value = '';
        const { version } = await this.#write(key, {}, (record) => (value = sum(record)));
        return { ...this.#answer(version), value: BigInt(value) };
      },
      append: async (key, value) => {
        let length = 0;
        const { version } = await this.#write(key, {}, (record) => {
          const grown = (record?.value ?? '') + value;
          length = grown.length;
          return grown;
        });
        return { ...this.#answer(version), length };
      },
    };
  }

  #answer(version: number | undefined) {
    const positions = new Map([['s1', { epoch: 1, position: this.#version }]]);
    return { version, shard: 's1', token: encodeSessionToken({ cluster: 'fake', positions }) };
  }

  async #write(
    key: string,
    { ifAbsent, ifVersion }: Level,
    make: (record: StoredRecord | undefined) => string | undefined,
  ) {
    await Promise.resolve();
    const fate = this.#faults.unknown?.(key);
    if (fate === 'before') throw new EdisError('deadline', 'no answer', { outcomeUnknown: true });
    const record = this.newest(key);
    const isMet =
      (ifAbsent !== true || record === undefined) && (ifVersion === undefined || record?.version === ifVersion);
    if (!isMet && this.#faults.skipsCondition?.(key) !== true) {
      return { ...this.#answer(record?.version), applied: false };
    }
    const value = make(record);
    if (value === undefined && record === undefined) return { ...this.#answer(0), applied: true, existed: false };
    this.#version += 1;
    const version = this.#version;
    if (this.#faults.forgets?.(key) !== true) {
      const kept = value === undefined ? undefined : { value, version };
      this.#records.set(key, [...(this.#records.get(key) ?? []), kept]);
    }
    if (this.#faults.liesAboutFailure?.(key) === true) throw new EdisError('busy', 'no room');
    if (fate === 'after') throw new EdisError('deadline', 'no answer', { outcomeUnknown: true });
    await Promise.resolve();
    return { ...this.#answer(version), applied: true, existed: record !== undefined };
  }
}
