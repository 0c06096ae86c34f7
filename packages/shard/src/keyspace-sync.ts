import type { Keyspace, Topology } from '@edis/core';
import { defaultKeyspaceId } from '@edis/core';
import type { LoggedOperation, Store } from '@edis/store';
import { encodeKeyspaceValue } from '@edis/store';

export interface KeyspaceSyncParts {
  readonly store: Store;
  /** Logs operations of the shard's own; undefined: not now. */
  readonly log: (operations: readonly LoggedOperation[]) => number | undefined;
  readonly onLogged: (created: readonly string[], dropped: readonly string[]) => void;
}

/** What the log must say so that it knows the keyspaces of a topology. */
interface KeyspaceDifference {
  readonly created: readonly { readonly id: number; readonly name: string; readonly settings: Keyspace['settings'] }[];
  readonly dropped: readonly { readonly id: number; readonly name: string }[];
}

/**
 * Tells the change log of the keyspaces that the topology has: followers, snapshots and recovery learn a keyspace's
 * settings, which indexes follow from, from the log alone.
 *
 * Guarantees that a keyspace is in the log before a write of it is. A drop is logged only on the word of info itself:
 * the topology that a restarted node remembers may be older than its log, and would take a young keyspace's records
 * away. For the same reason an older revision than one that was seen is not looked at.
 */
export class KeyspaceSync {
  readonly #parts: KeyspaceSyncParts;
  #topology: Topology | undefined;
  #fromInfo = false;
  /** Something is to be logged, and could not be when it was known. */
  #isBehind = false;

  constructor(parts: KeyspaceSyncParts) {
    this.#parts = parts;
  }

  /** @param fromInfo false: it is what the node knew when it stopped. */
  onTopology(topology: Topology, fromInfo: boolean): void {
    if (this.#topology !== undefined && topology.revision < this.#topology.revision) return;
    this.#topology = topology;
    this.#fromInfo ||= fromInfo;
    this.sync();
  }

  /** The shard may be able to write now: a primary can be active before it holds its lease. */
  settle(): void {
    if (this.#isBehind) this.sync();
  }

  /** Also to be called when the shard begins to write. */
  sync(): void {
    const topology = this.#topology;
    if (topology === undefined) return;
    const { created, dropped: gone } = keyspaceDifference(this.#parts.store, topology);
    const dropped = this.#fromInfo ? gone : [];
    this.#isBehind = created.length + dropped.length > 0;
    if (!this.#isBehind) return;
    const operations = [
      ...created.map(({ id, name, settings }) => operationOf('keyspace', id, encodeKeyspaceValue(name, settings))),
      ...dropped.map(({ id }) => operationOf('drop', id, '')),
    ];
    if (this.#parts.log(operations) === undefined) return;
    this.#isBehind = false;
    this.#parts.onLogged(
      created.map(({ name }) => name),
      dropped.map(({ name }) => name),
    );
  }
}

function keyspaceDifference(store: Store, topology: Topology): KeyspaceDifference {
  const known = store.keyspaces;
  const wanted = new Set(topology.keyspaces.map(({ id }) => id));
  return {
    created: topology.keyspaces.filter(({ id }) => id !== defaultKeyspaceId && !known.has(id)),
    dropped: [...known.values()].filter(({ id, dropped }) => id !== defaultKeyspaceId && !dropped && !wanted.has(id)),
  };
}

function operationOf(kind: 'keyspace' | 'drop', keyspace: number, value: LoggedOperation['value']): LoggedOperation {
  return { ...ownOperation, kind, keyspace, value };
}

/** What an operation of the shard's own has in common with the others: no client, no key. */
export const ownOperation = {
  kind: 'open',
  keyspace: 0,
  slot: 0,
  key: '',
  value: '',
  metadata: undefined,
  expiresAtMs: 0,
  client: '',
  sequence: 0,
  origin: 'put',
  answer: 0n,
} as const;
