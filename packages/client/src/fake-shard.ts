import {
  type Bytes,
  type GetOperation,
  isExpired,
  type KeyspaceStats,
  type Metadata,
  type Outcome,
  type SingleWriteOperation,
  unreachable,
  type WriteOperation,
} from '@edis/core';

interface FakeRecord {
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
  readonly expiresAtMs: number;
}

const maxInt64 = 2n ** 63n - 1n;

/** What the members of a shard share: records, the history's numbers, and the writes that it remembers. */
export class FakeShard {
  epoch = 1;
  position = 0;
  clock = 1_000;
  /** Milliseconds since the Unix epoch; the tests move it. */
  nowMs = Date.now();
  /** Writes that were carried out, repetitions not counted. */
  writeCount = 0;
  /** By keyspace and key. */
  readonly records = new Map<string, FakeRecord>();
  readonly #remembered = new Map<string, Outcome>();

  read({ keyspace, key, omitValue }: GetOperation, position: number): Outcome {
    const record = this.#find(keyspace, key);
    if (record === undefined) return { kind: 'not-found', position };
    const { version, expiresAtMs } = record;
    if (omitValue) return { kind: 'found', value: '', metadata: undefined, version, expiresAtMs, position };
    return { kind: 'found', ...record, position };
  }

  /** Carries a write out, once however often it comes. */
  write(operation: WriteOperation, client: string, remembers: boolean): Outcome {
    const sequence = operation.kind === 'atomic' ? operation.writes[0]?.sequence : operation.sequence;
    const id = `${client}/${sequence}`;
    const repeated = this.#remembered.get(id);
    if (repeated !== undefined) return repeated;
    const outcome = operation.kind === 'atomic' ? this.#writeAll(operation.writes) : this.#writeOne(operation);
    if (remembers && outcome.kind !== 'condition-failed') this.#remembered.set(id, outcome);
    return outcome;
  }

  keyspaceStats(): KeyspaceStats[] {
    const stats = new Map<number, KeyspaceStats>();
    for (const [name, { value }] of this.records) {
      const keyspace = Number.parseInt(name, 10);
      const { recordCount, recordBytes } = stats.get(keyspace) ?? { recordCount: 0, recordBytes: 0 };
      stats.set(keyspace, { keyspace, recordCount: recordCount + 1, recordBytes: recordBytes + value.length });
    }
    return [...stats.values()];
  }

  #find(keyspace: number, key: string): FakeRecord | undefined {
    const record = this.records.get(`${keyspace}/${key}`);
    return record === undefined || isExpired(record.expiresAtMs, this.nowMs) ? undefined : record;
  }

  #writeAll(writes: readonly SingleWriteOperation[]): Outcome {
    const refusals = writes.map((write) => this.#refusalOf(write));
    const { position } = this;
    if (refusals.some((refusal) => refusal !== undefined)) {
      const outcomes = refusals.map((refusal): Outcome => refusal ?? { kind: 'not-done' });
      return { kind: 'atomic', applied: false, outcomes, position };
    }
    const outcomes = writes.map((write) => this.#writeOne(write));
    return { kind: 'atomic', applied: true, outcomes, position: this.position };
  }

  #refusalOf(operation: SingleWriteOperation): Outcome | undefined {
    const record = this.#find(operation.keyspace, operation.key);
    const { condition } = operation;
    if (condition !== undefined) {
      const holds = condition.kind === 'absent' ? record === undefined : record?.version === condition.version;
      if (!holds) return { kind: 'condition-failed', version: record?.version ?? 0, position: this.position };
    }
    if (operation.kind === 'expire' && record === undefined) return { kind: 'not-found', position: this.position };
    if (operation.kind !== 'increment' || record === undefined) return undefined;
    const text = textOf(record.value);
    if (!/^-?\d+$/.test(text)) return { kind: 'invalid', cause: 'not-an-integer', message: 'the value is no integer' };
    if (BigInt(text) + operation.by <= maxInt64) return undefined;
    return { kind: 'invalid', cause: 'integer-overflow', message: 'the sum has more than 64 bits' };
  }

  #writeOne(operation: SingleWriteOperation): Outcome {
    const refusal = this.#refusalOf(operation);
    if (refusal !== undefined) return refusal;
    const { keyspace, key } = operation;
    const record = this.#find(keyspace, key);
    const version = ++this.clock;
    const position = ++this.position;
    this.writeCount += 1;
    const set = (change: Partial<FakeRecord>): void => {
      const before = record ?? { value: '', metadata: undefined, expiresAtMs: 0 };
      this.records.set(`${keyspace}/${key}`, { ...before, version, ...change });
    };
    switch (operation.kind) {
      case 'put': {
        const { value, metadata, ttlMs, expiresAtMs } = operation;
        set({ value, metadata, expiresAtMs: ttlMs > 0 ? this.nowMs + ttlMs : expiresAtMs });
        return { kind: 'put', version, position };
      }
      case 'delete':
        this.records.delete(`${keyspace}/${key}`);
        return { kind: 'deleted', existed: record !== undefined, version, position };
      case 'increment': {
        const sum = BigInt(textOf(record?.value ?? '0')) + operation.by;
        set({ value: sum.toString() });
        return { kind: 'incremented', value: sum, version, position };
      }
      case 'append': {
        const value = textOf(record?.value ?? '') + textOf(operation.value);
        set({ value });
        return { kind: 'appended', length: value.length, version, position };
      }
      case 'expire': {
        const expiresAtMs = operation.ttlMs > 0 ? this.nowMs + operation.ttlMs : 0;
        set({ expiresAtMs });
        return { kind: 'expiring', expiresAtMs, version, position };
      }
      default:
        return unreachable(operation);
    }
  }
}

function textOf(value: Bytes): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
}
