import type { ByteString, ShardId, Topology } from '@edis/core';
import { defaultKeyspaceId, Router, slotOf } from '@edis/core';

/** Where a key stands with this member. `foreign`: another shard owns it, or nobody yet. */
export type Standing = number | 'foreign' | 'no-such-keyspace';

/**
 * Which keys this member answers for: a view of the newest topology that it saw.
 *
 * Guarantees that a request for a key of another shard is never answered from here, and that a client with an older map
 * is handed the newer one.
 */
export class Ownership {
  #router: Router | undefined;
  #topology: Topology | undefined;
  #shard: ShardId = '';
  /** Of the own shard in the router's table; -2: not in it. */
  #shardIndex = -2;

  get topology(): Topology | undefined {
    return this.#topology;
  }

  get shard(): ShardId {
    return this.#shard;
  }

  get revision(): number {
    return this.#topology?.revision ?? 0;
  }

  onTopology(topology: Topology): void {
    this.#topology = topology;
    this.#router = new Router(topology);
    this.#locate();
  }

  onShard(shard: ShardId): void {
    this.#shard = shard;
    this.#locate();
  }

  /**
   * The slot of the key when this member's shard owns it. A keyspace that it does not know does not exist, unless
   * the one who asks has a newer map (`revision`), in which it may.
   */
  standing(keyspace: number, key: ByteString, revision = 0): Standing {
    const router = this.#router;
    if (router === undefined) return 'foreign';
    const id = keyspace === 0 ? defaultKeyspaceId : keyspace;
    if (!router.hasKeyspace(id)) return revision > this.revision ? 'foreign' : 'no-such-keyspace';
    const slot = slotOf(key);
    return router.shardIndexOf(id, slot) === this.#shardIndex ? slot : 'foreign';
  }

  /** The map to hand to a client that routed by `revision`; undefined: the client's is not older. */
  newerThan(revision: number): Topology | undefined {
    return this.#topology !== undefined && this.#topology.revision > revision ? this.#topology : undefined;
  }

  #locate(): void {
    const index = this.#topology?.shards.findIndex((shard) => shard.shard === this.#shard) ?? -1;
    this.#shardIndex = index < 0 ? -2 : index;
  }
}
