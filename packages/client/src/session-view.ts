import {
  type ClusterId,
  comparePositions,
  encodeSessionToken,
  type Position,
  type SessionToken,
  type ShardId,
} from '@edis/core';
import type { AnswerPlace } from './results.ts';

/** What one session has seen of each shard. Positions of another cluster mean nothing and are forgotten. */
export class SessionView {
  #cluster: ClusterId;
  #positions: Map<ShardId, Position>;

  constructor(token: SessionToken) {
    this.#cluster = token.cluster;
    this.#positions = new Map(token.positions);
  }

  get token(): string {
    return encodeSessionToken({ cluster: this.#cluster, positions: this.#positions });
  }

  /** Records that an answer stands at this place. */
  see(place: AnswerPlace): void {
    if (place.cluster !== this.#cluster) {
      this.#cluster = place.cluster;
      this.#positions = new Map();
    }
    this.#positions.set(place.shard, later(this.#positions.get(place.shard), place));
  }

  /** What a read at the shard must see: all that this session has seen, and what the token says. */
  after(cluster: ClusterId, shard: ShardId, token: SessionToken | undefined): Position | undefined {
    const seen = cluster === this.#cluster ? this.#positions.get(shard) : undefined;
    const given = token?.positions.get(shard);
    return given === undefined ? seen : later(seen, given);
  }
}

function later(known: Position | undefined, other: Position): Position {
  return known !== undefined && comparePositions(known, other) >= 0 ? known : other;
}
