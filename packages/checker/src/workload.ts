/**
 * What callers do to a keyspace so that its rules can be judged: many of them on few keys, with reads and writes of
 * all kinds. Pure: the same seed gives each caller the same choices. Every value is written once, so that a read tells
 * whose write it saw.
 */
import type { Ack, Consistency } from '@edis/core';
import type { Call } from './history.ts';
import { Random } from './random.ts';

export interface WorkloadOptions {
  readonly seed: number;
  /** Begins every key, and so keeps the rounds of one keyspace apart. */
  readonly prefix: string;
  /** Keys that are put, deleted and written under conditions. */
  readonly recordKeys: number;
  /** Keys that are only incremented and read. */
  readonly sumKeys: number;
  /** Levels of writes with their weights. */
  readonly acks: readonly (readonly [Ack, number])[];
  /** Of bounded reads. */
  readonly maxStalenessMs: number;
}

export interface PlannedOperation {
  readonly key: string;
  readonly call: Call;
  readonly ack: Ack | undefined;
  readonly consistency: Consistency | undefined;
  readonly maxStalenessMs: number | undefined;
}

const readLevels: readonly (readonly [Consistency, number])[] = [
  ['strong', 4],
  ['session', 3],
  ['bounded', 2],
  ['eventual', 1],
];

const recordKinds: readonly (readonly [Call['kind'], number])[] = [
  ['get', 50],
  ['put', 22],
  ['put-if-version', 10],
  ['put-if-absent', 8],
  ['delete', 8],
  ['delete-if-version', 2],
];

/** Of all operations, those on keys that are incremented. */
const sumPart = 0.25;
const sumReadPart = 0.4;

export class Workload {
  readonly #options: WorkloadOptions;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Every key that a caller may touch. */
  get keys(): string[] {
    const { prefix, recordKeys, sumKeys } = this.#options;
    return [
      ...Array.from({ length: recordKeys }, (_, index) => `${prefix}record:${index}`),
      ...Array.from({ length: sumKeys }, (_, index) => `${prefix}sum:${index}`),
    ];
  }

  caller(index: number): CallerPlan {
    return new CallerPlan(this.#options, index);
  }
}

/** The choices of one caller. */
export class CallerPlan {
  readonly #options: WorkloadOptions;
  readonly #index: number;
  readonly #random: Random;
  #written = 0;

  constructor(options: WorkloadOptions, index: number) {
    this.#options = options;
    this.#index = index;
    // Seeds side by side would give neighbours alike beginnings.
    this.#random = new Random(Math.imul(options.seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  }

  /** @param versionOf the version that this caller knows of a key, for conditions */
  next(versionOf: (key: string) => number | undefined): PlannedOperation {
    const { prefix, recordKeys, sumKeys } = this.#options;
    if (sumKeys > 0 && (recordKeys === 0 || this.#random.next() < sumPart)) {
      const key = `${prefix}sum:${this.#random.below(sumKeys)}`;
      if (this.#random.next() < sumReadPart) return this.#read(key);
      return this.#write(key, { kind: 'increment', by: 1 + this.#random.below(3) });
    }
    // Some keys are much busier than others, so that both rivalry and quiet are seen.
    const key = `${prefix}record:${Math.floor(this.#random.next() ** 2 * recordKeys)}`;
    return this.#recordOperation(key, versionOf(key));
  }

  #recordOperation(key: string, version: number | undefined): PlannedOperation {
    const kind = this.#random.pick(recordKinds);
    switch (kind) {
      case 'get':
        return this.#read(key);
      case 'delete':
        return this.#write(key, { kind });
      case 'put-if-absent':
        return this.#write(key, { kind, value: this.#nextValue() });
      case 'put-if-version':
        if (version === undefined) return this.#write(key, { kind: 'put', value: this.#nextValue() });
        return this.#write(key, { kind, value: this.#nextValue(), ifVersion: version });
      case 'delete-if-version':
        return version === undefined ? this.#read(key) : this.#write(key, { kind, ifVersion: version });
      case 'put':
      case 'append':
      case 'increment':
        return this.#write(key, { kind: 'put', value: this.#nextValue() });
    }
  }

  #nextValue(): string {
    this.#written += 1;
    return `${this.#index}.${this.#written}`;
  }

  #read(key: string): PlannedOperation {
    const consistency = this.#random.pick(readLevels);
    const maxStalenessMs = consistency === 'bounded' ? this.#options.maxStalenessMs : undefined;
    return { key, call: { kind: 'get' }, ack: undefined, consistency, maxStalenessMs };
  }

  #write(key: string, call: Call): PlannedOperation {
    const ack = this.#random.pick(this.#options.acks);
    return { key, call, ack, consistency: undefined, maxStalenessMs: undefined };
  }
}
