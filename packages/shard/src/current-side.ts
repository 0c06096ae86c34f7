import type {
  BeaconRequest,
  BeaconResponse,
  FollowRequest,
  FollowResponse,
  MemberRole,
  Outcome,
  ReaderState,
  SnapshotRequest,
  SnapshotResponse,
} from '@edis/core';
import type { MessageStream, ReplicationHandlers } from '@edis/rpc';
import type { PrimarySide } from './primary-side.ts';
import type { ReadingRole } from './reader.ts';
import type { ReplicaSide } from './replica-side.ts';
import type { ResultSink } from './result-sink.ts';

/** What a member is now. */
export type Side =
  | { readonly kind: 'primary'; readonly side: PrimarySide }
  | { readonly kind: 'replica'; readonly side: ReplicaSide };

/**
 * Whatever the member is at the moment: what reads, queries and streams ask stays the same while a replica becomes the
 * primary and back.
 */
export class CurrentSide implements ReadingRole, ReplicationHandlers {
  #now: Side;

  constructor(side: Side) {
    this.#now = side;
  }

  get now(): Side {
    return this.#now;
  }

  become(side: Side): void {
    this.#now = side;
  }

  get primary(): PrimarySide | undefined {
    return this.#now.kind === 'primary' ? this.#now.side : undefined;
  }

  get replica(): ReplicaSide | undefined {
    return this.#now.kind === 'replica' ? this.#now.side : undefined;
  }

  /** It serves reads, or writes, as what it is. */
  get serving(): boolean {
    return this.#now.kind === 'primary' ? this.#now.side.active : this.#now.side.serving;
  }

  get role(): MemberRole {
    return this.#now.kind === 'primary' ? 'primary' : this.#now.side.role;
  }

  get epoch(): number {
    return this.#now.side.epoch;
  }

  state(): ReaderState {
    return this.#now.side.state();
  }

  isReached(position: number): boolean {
    return this.#now.side.isReached(position);
  }

  deliverWhenReached(position: number, sink: ResultSink, request: number, outcome: Outcome): boolean {
    return this.#now.side.deliverWhenReached(position, sink, request, outcome);
  }

  follow(stream: MessageStream<FollowResponse, FollowRequest>): void {
    this.#now.side.follow(stream);
  }

  snapshot(stream: MessageStream<SnapshotResponse, SnapshotRequest>): void {
    this.#now.side.snapshot(stream);
  }

  beacon(stream: MessageStream<BeaconResponse, BeaconRequest>): void {
    this.#now.side.beacon(stream);
  }
}
