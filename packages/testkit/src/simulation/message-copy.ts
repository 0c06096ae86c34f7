/**
 * What a message is on its way from one process to another: a copy, so that no object is shared between them, without
 * whatever else the sender's object carries (an operation of the client is at the same time its entry in several
 * lists).
 *
 * Unlike the codecs it does not tell undefined from missing, and takes any field; those are tested by themselves.
 */
export interface MessageCopy<T> {
  readonly message: T;
  /** Roughly what it takes on the wire. */
  readonly bytes: number;
}

/** Bytes that a number and the head of a field take, roughly. */
const scalarBytes = 4;

const operationFields: ReadonlySet<string> = new Set([
  'kind',
  'request',
  'keyspace',
  'key',
  'sequence',
  'firstSentTimestamp',
  'ack',
  'condition',
  'value',
  'metadata',
  'ttlMs',
  'expiresAtMs',
  'by',
  'writes',
  'consistency',
  'after',
  'maxStalenessMs',
  'omitValue',
]);

const operationLists: ReadonlySet<string> = new Set(['operations', 'writes']);

export function copyMessage<T>(message: T): MessageCopy<T>;
export function copyMessage(message: unknown): MessageCopy<unknown> {
  const copier = new Copier();
  const copy = copier.copy(message, undefined);
  return { message: copy, bytes: copier.bytes };
}

class Copier {
  bytes = 0;

  copy(value: unknown, fields: ReadonlySet<string> | undefined): unknown {
    if (typeof value === 'string') {
      this.bytes += value.length;
      return value;
    }
    if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('a message holds only data');
    if (typeof value !== 'object' || value === null) {
      this.bytes += scalarBytes;
      return value;
    }
    if (value instanceof Uint8Array) {
      this.bytes += value.length;
      return Buffer.from(value);
    }
    if (Array.isArray(value)) return value.map((item: unknown) => this.copy(item, fields));
    if (value instanceof Map) {
      const copy = new Map<unknown, unknown>();
      for (const [key, item] of value) copy.set(this.copy(key, undefined), this.copy(item, undefined));
      return copy;
    }
    return this.#copyObject(value, fields);
  }

  #copyObject(value: object, fields: ReadonlySet<string> | undefined): unknown {
    const copy: Record<string, unknown> = {};
    for (const name of fields ?? Object.keys(value)) {
      // Getters of a class count as fields, too.
      if (fields !== undefined && !(name in value)) continue;
      const item: unknown = Reflect.get(value, name);
      const inner = operationLists.has(name) && Array.isArray(item) ? operationFields : undefined;
      this.bytes += scalarBytes;
      copy[name] = this.copy(item, inner);
    }
    return copy;
  }
}
