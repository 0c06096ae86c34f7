import { EdisError } from '@edis/core';
import type { KeyspaceRow } from './keyspace-row.ts';
import { decodeKeyspaceValue } from './keyspace-value.ts';
import type { Entry } from './logged-operation.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import { defaultKeyspace } from './stored-keyspace.ts';

/**
 * The keyspaces that a shard's log knows.
 *
 * Guarantees: `current` is as of the end of the log, and goes back with it when the log is cut; what the view is to
 * store is as of the position that it comes to. The settings of a keyspace never change: what is said again of one
 * that is known is ignored. Assumes that a keyspace is logged before the first write in it, so that its records are
 * all indexed in one way.
 */
interface Change {
  readonly position: number;
  readonly keyspace: StoredKeyspace;
}

export class KeyspaceTable {
  /** As of the view. */
  #folded = new Map<number, StoredKeyspace>();
  /** Of entries that the view does not have yet, in their order. */
  #changes: Change[] = [];
  #current: ReadonlyMap<number, StoredKeyspace> = new Map();

  constructor(rows: readonly KeyspaceRow[]) {
    this.reset(rows);
  }

  /** Of each id; a new map whenever anything changes. */
  get current(): ReadonlyMap<number, StoredKeyspace> {
    return this.#current;
  }

  /** Another view has taken the place of the old one, and of the log above it. */
  reset(rows: readonly KeyspaceRow[]): void {
    this.#folded = new Map([[defaultKeyspace.id, defaultKeyspace]]);
    for (const { id, keyspace } of rows) if (keyspace !== undefined) this.#folded.set(id, keyspace);
    this.#changes = [];
    this.#refresh();
  }

  append(entry: Entry): void {
    for (const operation of entry.operations) {
      const { kind } = operation;
      if (kind === 'put' || (kind !== 'keyspace' && kind !== 'drop')) continue;
      const known = this.#current.get(operation.keyspace);
      const keyspace = kind === 'drop' ? dropped(known) : created(known, operation.keyspace, operation.value);
      if (keyspace === undefined) continue;
      this.#changes.push({ position: entry.position, keyspace });
      this.#refresh();
    }
  }

  truncateAfter(position: number): void {
    this.#changes = this.#changes.filter((change) => change.position <= position);
    this.#refresh();
  }

  /** What is new at a position; nearly always nothing. */
  changedUpTo(position: number): ReadonlyMap<number, StoredKeyspace> {
    const changed = new Map<number, StoredKeyspace>();
    for (const change of this.#changes) {
      if (change.position > position) break;
      changed.set(change.keyspace.id, change.keyspace);
    }
    return changed;
  }

  /** A keyspace as of a position that the view comes to. */
  at(id: number, changed: ReadonlyMap<number, StoredKeyspace>): StoredKeyspace | undefined {
    return changed.get(id) ?? this.#folded.get(id);
  }

  /** The view has come to a position, and no longer has rows of these keyspaces. */
  fold(position: number, forgotten: readonly number[]): void {
    const changed = this.changedUpTo(position);
    if (changed.size === 0 && forgotten.length === 0) return;
    for (const [id, keyspace] of changed) this.#folded.set(id, keyspace);
    for (const id of forgotten) this.#folded.delete(id);
    this.#folded.set(defaultKeyspace.id, this.#folded.get(defaultKeyspace.id) ?? defaultKeyspace);
    this.#changes = this.#changes.filter((change) => change.position > position);
    this.#refresh();
  }

  #refresh(): void {
    const current = new Map(this.#folded);
    for (const { keyspace } of this.#changes) current.set(keyspace.id, keyspace);
    this.#current = current;
  }
}

function dropped(known: StoredKeyspace | undefined): StoredKeyspace | undefined {
  return known === undefined || known.dropped ? undefined : { ...known, dropped: true };
}

function created(
  known: StoredKeyspace | undefined,
  id: number,
  value: string | Uint8Array,
): StoredKeyspace | undefined {
  if (known !== undefined) return known.dropped ? { ...known, dropped: false } : undefined;
  const named = decodeKeyspaceValue(value);
  if (named === undefined) throw new EdisError('internal', `the settings of keyspace ${id} cannot be read`);
  return { id, ...named, dropped: false };
}
