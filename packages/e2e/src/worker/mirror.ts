import type { WatchEvent } from '@edis/client';

/** What the mirror has of a record. */
export interface MirrorRecord {
  readonly value: string;
  readonly version: number;
  /** 0: never. */
  readonly expiresAtMs: number;
  readonly shard: string;
}

/** All that a reader has to keep: whoever has it goes on in its place. */
export interface MirrorState {
  readonly token: string | undefined;
  readonly records: readonly (readonly [key: string, record: MirrorRecord])[];
  /** Of each key, the version of its last change, also where that was its end. */
  readonly versions: readonly (readonly [key: string, version: number])[];
  /** How many events there were of each kind. */
  readonly kinds: readonly (readonly [kind: string, count: number])[];
  /** By cause, the shards that gave all their records for it. */
  readonly causes: readonly (readonly [cause: string, shards: readonly string[]])[];
}

/** Takes what a reader of its own has written. */
export function parseMirrorState(text: string): MirrorState {
  const state: unknown = JSON.parse(text);
  if (isMirrorState(state)) return state;
  throw new Error(`this is no state of a mirror: ${text.slice(0, 100)}`);
}

function isMirrorState(state: unknown): state is MirrorState {
  return typeof state === 'object' && state !== null && 'records' in state && 'versions' in state && 'causes' in state;
}

/** What a reader of changes builds of them. Throws at an event that must not come. */
export class Mirror {
  readonly records: Map<string, MirrorRecord>;
  readonly kinds: Map<string, number>;
  /** A snapshot that broke off comes again: a shard counts once. */
  readonly causes: Map<string, Set<string>>;
  token: string | undefined;
  /** None comes twice. */
  readonly #versions: Map<string, number>;
  /** By shard, the keys of the snapshot that is being taken. Not kept: one that was not complete begins anew. */
  readonly #snapshots = new Map<string, Set<string>>();

  constructor(state?: MirrorState) {
    this.token = state?.token;
    this.records = new Map(state?.records);
    this.#versions = new Map(state?.versions);
    this.kinds = new Map(state?.kinds);
    this.causes = new Map(state?.causes.map(([cause, shards]) => [cause, new Set(shards)]));
  }

  get state(): MirrorState {
    return {
      token: this.token,
      records: [...this.records],
      versions: [...this.#versions],
      kinds: [...this.kinds],
      causes: [...this.causes].map(([cause, shards]) => [cause, [...shards]]),
    };
  }

  apply(event: WatchEvent): void {
    const { shard } = event;
    this.token = event.token;
    this.kinds.set(event.kind, (this.kinds.get(event.kind) ?? 0) + 1);
    if (event.kind === 'snapshot-begin') {
      this.causes.set(event.cause, (this.causes.get(event.cause) ?? new Set()).add(shard));
      this.#snapshots.set(shard, new Set());
    } else if (event.kind === 'snapshot-end') {
      this.#endSnapshot(shard);
    } else {
      this.#applyChange(event);
    }
  }

  #endSnapshot(shard: string): void {
    const kept = this.#snapshots.get(shard);
    if (kept === undefined) throw new Error(`a snapshot of ${shard} ended that had not begun`);
    for (const [key, record] of this.records) {
      if (record.shard === shard && !kept.has(key)) this.records.delete(key);
    }
    this.#snapshots.delete(shard);
  }

  #applyChange(event: Exclude<WatchEvent, { kind: 'snapshot-begin' | 'snapshot-end' }>): void {
    const { kind, shard, version } = event;
    const key = String(event.key);
    const before = this.#versions.get(key) ?? 0;
    if (kind === 'snapshot') this.#snapshots.get(shard)?.add(key);
    else if (version <= before) throw new Error(`${kind} of ${key} at ${version} came behind one at ${before}`);
    this.#versions.set(key, version);
    if ('value' in event) {
      const value = Buffer.from(event.value).toString();
      this.records.set(key, { value, version, expiresAtMs: event.expiresAtMs ?? 0, shard });
    } else {
      this.records.delete(key);
    }
  }
}
