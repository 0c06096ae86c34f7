/**
 * Histories of a store that does one operation after the other, seen by callers who know less: each operation takes
 * effect at a moment within its window, and of some the outcome is not heard.
 */
import type { Ack, Consistency } from '@edis/core';
import type { FinalState } from '../durability.ts';
import type { Answer, Call, HistoryOperation } from '../history.ts';
import type { Loss, LostWrite } from '../loss.ts';
import { Random } from '../random.ts';

export interface RandomHistoryOptions {
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  /** How long an operation lasts, in steps of the store: about so many overlap. */
  readonly callers: number;
  readonly withVersions: boolean;
  /** Of writes, those whose outcome is unknown. */
  readonly unknownPart: number;
  /** No increments and appends, as a workload has them on keys of their own. */
  readonly withoutSums?: boolean;
  /** How often the store loses what was not acknowledged by a quorum: at so many of its steps. */
  readonly lossPart?: number;
}

export interface RandomRun {
  readonly history: HistoryOperation[];
  readonly final: FinalState;
  readonly losses: Loss[];
}

interface StoredRecord {
  readonly value: string;
  readonly version: number;
}

export function randomHistory(options: RandomHistoryOptions): HistoryOperation[] {
  return randomRun(options).history;
}

export function randomRun(options: RandomHistoryOptions): RandomRun {
  const random = new Random(options.seed);
  const records = new Map<string, StoredRecord>();
  const tail = new LogTail(records);
  const history: HistoryOperation[] = [];
  const losses: Loss[] = [];
  for (let id = 1; id <= options.operations; id += 1) {
    const key = `k${random.below(options.keys)}`;
    const call = randomCall(random, id, records.get(key), options.withoutSums === true ? 0 : 1);
    const isWrite = call.kind !== 'get';
    const fate = isWrite ? random.next() : 1;
    const isUnknown = fate < options.unknownPart;
    // Half of the unknown ones are done, the others never; some are refused for sure.
    const isDone = !isUnknown || fate < options.unknownPart / 2;
    const isFailed = !isUnknown && isWrite && random.next() < options.unknownPart / 4;
    const ack = isWrite && random.next() < 0.5 ? 'disk' : 'quorum';
    const before = records.get(key);
    const answer = isDone && !isFailed ? carryOut(call, key, id, records) : undefined;
    if (before !== records.get(key)) tail.note(key, before, id, ack);
    if (random.next() < (options.lossPart ?? 0)) losses.push(tail.lose(id));
    const callMs = id - random.next() * options.callers;
    const returnMs = id + random.next() * options.callers;
    history.push({
      id,
      session: `caller-${id % options.callers}`,
      key,
      call,
      callMs,
      ack: isWrite ? ack : undefined,
      consistency: isWrite ? undefined : random.pick(readLevels),
      maxStalenessMs: isWrite ? undefined : 3,
      ending:
        isFailed || (isUnknown && !isWrite)
          ? { status: 'failed', returnMs, code: 'busy' }
          : isUnknown || answer === undefined
            ? { status: 'unknown', returnMs, code: 'deadline' }
            : {
                status: 'ok',
                returnMs,
                answer: options.withVersions ? answer : withoutVersion(answer),
                place: undefined,
              },
    });
  }
  return { history, final: new Map(history.map(({ key }) => [key, records.get(key)])), losses };
}

const readLevels: readonly (readonly [Consistency, number])[] = [
  ['strong', 3],
  ['session', 1],
  ['bounded', 1],
];

/** What of each key only one member has, and what was there before. */
class LogTail {
  readonly #records: Map<string, StoredRecord>;
  readonly #kept = new Map<string, StoredRecord | undefined>();
  #writes: LostWrite[] = [];

  constructor(records: Map<string, StoredRecord>) {
    this.#records = records;
  }

  note(key: string, before: StoredRecord | undefined, version: number, ack: Ack): void {
    if (ack === 'quorum') {
      this.#kept.delete(key);
      this.#writes = this.#writes.filter((write) => write.key !== key);
      return;
    }
    if (!this.#kept.has(key)) this.#kept.set(key, before);
    this.#writes.push({ key, value: this.#records.get(key)?.value, version });
  }

  lose(step: number): Loss {
    for (const [key, record] of this.#kept) {
      if (record === undefined) this.#records.delete(key);
      else this.#records.set(key, record);
    }
    const writes = this.#writes;
    this.#writes = [];
    this.#kept.clear();
    return { writes, fromMs: step, toMs: step + 1 };
  }
}

function randomCall(random: Random, id: number, record: StoredRecord | undefined, sums: number): Call {
  const ifVersion = record !== undefined && random.next() < 0.8 ? record.version : 1_000_000 + id;
  return random.pick<Call>([
    [{ kind: 'get' }, 8],
    [{ kind: 'put', value: String(id) }, 5],
    [{ kind: 'increment', by: 1 + random.below(2) }, 2 * sums],
    [{ kind: 'delete' }, 2],
    [{ kind: 'put-if-absent', value: String(id) }, 2],
    [{ kind: 'put-if-version', value: String(id), ifVersion }, 2],
    [{ kind: 'append', value: '7' }, sums],
  ]);
}

function carryOut(call: Call, key: string, version: number, records: Map<string, StoredRecord>): Answer {
  const record = records.get(key);
  const store = (value: string) => records.set(key, { value, version });
  switch (call.kind) {
    case 'get':
      return record === undefined ? { kind: 'absent' } : { kind: 'found', ...record };
    case 'put-if-absent':
      if (record !== undefined) return { kind: 'not-applied', present: true, version: record.version };
      break;
    case 'put-if-version':
      if (record?.version !== call.ifVersion) {
        return { kind: 'not-applied', present: record !== undefined, version: record?.version };
      }
      break;
    case 'delete':
    case 'delete-if-version':
      records.delete(key);
      return { kind: 'removed', existed: record !== undefined, version: record === undefined ? undefined : version };
    case 'increment': {
      const value = String(BigInt(record?.value ?? '0') + BigInt(call.by));
      store(value);
      return { kind: 'summed', value, version };
    }
    case 'append': {
      const value = (record?.value ?? '') + call.value;
      store(value);
      return { kind: 'appended', length: value.length, version };
    }
    case 'put':
      break;
  }
  store(call.value);
  return { kind: 'written', version };
}

function withoutVersion(answer: Answer): Answer {
  return answer.kind === 'absent' ? answer : { ...answer, version: undefined };
}
