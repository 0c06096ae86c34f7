import type { ShardId, StoreId, Topology } from '@edis/core';

/** How often a member looks whether it is level with its primary. */
const lookMs = 1000;

/** Beacons come each 125 ms at least. A shorter lease says nothing about how long one may be late on a busy machine. */
const leastLeaseMs = 1000;

export interface WatchLevelParts {
  /** 0 at the primary. */
  readonly stalenessMs: () => number;
  /** Of the shard's configuration; 0: it is not known yet. */
  readonly leaseMs: () => number;
  /** By the newest map that is known. */
  readonly isLedByAnother: () => boolean;
}

/**
 * Whether a member's feeds are better off elsewhere: it goes on to serve reads with what it has when it no longer hears
 * its primary, but a feed would be silent for as long as that lasts, and nobody would notice.
 *
 * It is cut off when it has not been level within a lease at each of the looks of two leases. Looks count, and not the
 * time between them: after a standstill of the process, or of its machine, it has to hear of its primary first, as it
 * has after a start and a failover. While the shard has no living primary, as far as info knows, its members are all
 * equally old, and a feed stays where it is.
 */
export class WatchLevel {
  readonly #parts: WatchLevelParts;
  /** In a row at which it was not level. */
  #looksBehind = 0;

  constructor(parts: WatchLevelParts) {
    this.#parts = parts;
  }

  /** To be called each second. */
  look(): void {
    this.#looksBehind = this.#isLevel ? 0 : this.#looksBehind + 1;
  }

  get isCutOff(): boolean {
    // A first copy that is complete is level from now on, and not from the next look.
    return this.#looksBehind * lookMs > 2 * this.#leaseMs() && !this.#isLevel && this.#parts.isLedByAnother();
  }

  get #isLevel(): boolean {
    return this.#parts.stalenessMs() <= this.#leaseMs();
  }

  #leaseMs(): number {
    return Math.max(leastLeaseMs, this.#parts.leaseMs());
  }
}

/** Whether the map says that another member leads the shard, and lives. */
export function isLedByAnother(topology: Topology | undefined, shard: ShardId, self: StoreId): boolean {
  const found = topology?.shards.find((each) => each.shard === shard);
  const primary = found?.members.find((member) => member.store === found.primary);
  return primary !== undefined && primary.alive && primary.store !== self;
}
