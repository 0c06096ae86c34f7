import type { Keyspace, Topology } from '@edis/core';

/** A keyspace by its name: which one that is, is looked up once for each map. */
export class KeyspaceScope {
  readonly name: string;
  #topology: Topology | undefined;
  #keyspace: Keyspace | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The keyspace in this map; undefined: it has none of that name. */
  in(topology: Topology): Keyspace | undefined {
    if (this.#topology === topology) return this.#keyspace;
    this.#topology = topology;
    this.#keyspace = topology.keyspaces.find((keyspace) => keyspace.name === this.name);
    return this.#keyspace;
  }
}
