import { defaultKeyspaceId, slotCount } from './limits.ts';
import type { Endpoint, Keyspace, Shard, Topology } from './topology.ts';

/** Marks a slot without owner; above any index of a shard. */
const nobody = 0xffff;

/** Where each slot is, in one array look-up: built once per topology, asked once per operation. */
export class Router {
  readonly topology: Topology;
  readonly #tables: ReadonlyMap<number, Uint16Array>;
  readonly #defaultTable: Uint16Array;

  constructor(topology: Topology) {
    this.topology = topology;
    const indexes = new Map(topology.shards.map((shard, index) => [shard.shard, index]));
    this.#tables = tablesOf(topology.keyspaces, indexes);
    this.#defaultTable = this.#tables.get(defaultKeyspaceId) ?? new Uint16Array(slotCount).fill(nobody);
  }

  hasKeyspace(keyspaceId: number): boolean {
    return keyspaceId === 0 || this.#tables.has(keyspaceId);
  }

  /** Index into `topology.shards`; -1 when nobody owns the slot or the keyspace does not exist. */
  shardIndexOf(keyspaceId: number, slot: number): number {
    const table = keyspaceId <= defaultKeyspaceId ? this.#defaultTable : this.#tables.get(keyspaceId);
    const index = table?.[slot] ?? nobody;
    return index === nobody ? -1 : index;
  }

  shardOfSlot(keyspaceId: number, slot: number): Shard | undefined {
    return this.topology.shards[this.shardIndexOf(keyspaceId, slot)];
  }
}

/** Keyspaces that are spread alike, which mostly all are, share one table of 32 KiB. */
function tablesOf(keyspaces: readonly Keyspace[], indexes: ReadonlyMap<string, number>): Map<number, Uint16Array> {
  const bySpread = new Map<string, Uint16Array>();
  const tables = new Map<number, Uint16Array>();
  for (const keyspace of keyspaces) {
    const spread = keyspace.slots.map(({ from, to, shard }) => `${from}-${to} ${shard}`).join();
    const table = bySpread.get(spread) ?? tableOf(keyspace, indexes);
    bySpread.set(spread, table);
    tables.set(keyspace.id, table);
  }
  return tables;
}

function tableOf(keyspace: Keyspace, indexes: ReadonlyMap<string, number>): Uint16Array {
  const table = new Uint16Array(slotCount).fill(nobody);
  for (const range of keyspace.slots) table.fill(indexes.get(range.shard) ?? nobody, range.from, range.to + 1);
  return table;
}

/** The owner of a slot, without a table: for a single question. */
export function shardOfSlot(topology: Topology, keyspaceId: number, slot: number): Shard | undefined {
  const id = keyspaceId === 0 ? defaultKeyspaceId : keyspaceId;
  const keyspace = topology.keyspaces.find((candidate) => candidate.id === id);
  const range = keyspace?.slots.find((candidate) => candidate.from <= slot && slot <= candidate.to);
  return range === undefined ? undefined : topology.shards.find((shard) => shard.shard === range.shard);
}

/**
 * The endpoint to use from a network: the one that it names, else the one without a name (which says that it works from
 * everywhere), else the first. Undefined only when there is none at all.
 */
export function pickEndpoint(endpoints: readonly Endpoint[], network: string | undefined): Endpoint | undefined {
  if (network === undefined) return endpoints[0];
  return (
    endpoints.find((endpoint) => endpoint.network === network) ??
    endpoints.find((endpoint) => endpoint.network === '') ??
    endpoints[0]
  );
}

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/** The same place gets the same text: case does not matter, and the names of the own machine count as one. */
function canonical(address: string): string {
  const separator = address.lastIndexOf(':');
  const host = address.slice(0, separator).toLowerCase();
  return `${loopbackNames.has(host) ? 'localhost' : host}:${address.slice(separator + 1)}`;
}

/**
 * The network that a client is in, told by the address at which it reached info: whoever could dial `localhost:7400`
 * can also dial the other endpoints of that network. Undefined: no info endpoint is that address; use the first ones.
 */
export function networkOf(topology: Topology, dialledAddress: string): string | undefined {
  const dialled = canonical(dialledAddress);
  for (const info of topology.infos) {
    const match = info.endpoints.find((endpoint) => canonical(endpoint.address) === dialled);
    if (match !== undefined) return match.network;
  }
  return undefined;
}
