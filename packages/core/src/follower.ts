import { EpochTable } from './epoch-table.ts';
import { unreachable } from './error.ts';
import type { Position } from './operation.ts';
import type { EpochStart, FollowMessage, FollowResponse } from './replication-message.ts';

/**
 * A follower's side of one Follow stream, as a machine: messages in, effects out.
 *
 * Guarantees: entries are appended without gaps and only from a primary of at least the epoch that the follower knows;
 * what the follower shows never passes what the primary said is visible, nor what the follower has. A log that
 * disagrees is cut only above what the view has folded; otherwise the records are taken anew. Nobody of a lower epoch
 * than the follower's own entries is listened to: a primary that was replaced would have it cut what its successor
 * acknowledged.
 * Assumes: effects are carried out in order, each before the next message is handed in.
 */
export type FollowerState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'following'; readonly next: number }
  | { readonly kind: 'ended' };

export type FollowerEffect =
  | {
      readonly kind: 'append';
      readonly firstPosition: number;
      readonly bodies: readonly Uint8Array[];
      readonly checksums: readonly number[];
    }
  | { readonly kind: 'show'; readonly position: number }
  /** Make durable what was appended: a quorum is waited for. */
  | { readonly kind: 'sync' }
  | { readonly kind: 'cut'; readonly after: number }
  /** `agreed`: the two logs differ above it; undefined: they do not, this one only ends too early. */
  | { readonly kind: 'take-snapshot'; readonly agreed: number | undefined }
  | { readonly kind: 'drop'; readonly reason: string; readonly refresh: boolean };

/** What the follower has when it opens the stream. */
export interface FollowerStart {
  readonly lastEntry: Position;
  readonly viewPosition: number;
  /** Epoch of the configuration that it knows. */
  readonly epoch: number;
  /** Of its log. */
  readonly epochs: readonly EpochStart[];
}

export class Follower {
  readonly #start: FollowerStart;
  #state: FollowerState = { kind: 'opening' };
  #last: number;
  #shown = 0;
  /** Up to where the primary has asked for durability. */
  #syncAsked = 0;

  constructor(start: FollowerStart) {
    this.#start = start;
    this.#last = start.lastEntry.position;
  }

  get state(): FollowerState {
    return this.#state;
  }

  onResponse(response: FollowResponse): FollowerEffect[] {
    if (this.#state.kind === 'ended') return [];
    const known = Math.max(this.#start.epoch, this.#start.lastEntry.epoch);
    if (response.epoch < known) {
      return this.#drop(`the primary is of epoch ${response.epoch}, this node knows ${known}`, true);
    }
    const effects = this.#state.kind === 'opening' ? this.#open(response.message) : this.#follow(response.message);
    if (this.#isFollowing()) {
      const position = Math.min(response.visiblePosition, this.#last);
      if (position > this.#shown) {
        this.#shown = position;
        effects.push({ kind: 'show', position });
      }
      const wanted = Math.min(response.syncPosition, this.#last);
      if (wanted > this.#syncAsked) {
        this.#syncAsked = wanted;
        effects.push({ kind: 'sync' });
      }
    }
    return effects;
  }

  #isFollowing(): boolean {
    return this.#state.kind === 'following';
  }

  #open(message: FollowMessage): FollowerEffect[] {
    switch (message.kind) {
      case 'start':
        if (message.fromPosition !== this.#last + 1) {
          return this.#drop(`the log was to go on at ${this.#last + 1}, not at ${message.fromPosition}`, false);
        }
        this.#state = { kind: 'following', next: message.fromPosition };
        return [];
      case 'snapshot-needed': {
        this.#state = { kind: 'ended' };
        if (message.cause !== 'diverged') return [{ kind: 'take-snapshot', agreed: undefined }];
        const agreed = this.#agreed(message.epochs, message.lastPosition);
        // Position 0 agrees with everything, but a log that starts anew is a snapshot's work.
        if (agreed > 0 && agreed >= this.#start.viewPosition) return [{ kind: 'cut', after: agreed }];
        return [{ kind: 'take-snapshot', agreed }];
      }
      case 'refused':
        return this.#drop(`the asked node refused: ${message.cause}`, true);
      case 'entries':
      case 'watermark':
        return this.#drop(`the primary sent ${message.kind} before its first answer`, false);
      default:
        return unreachable(message);
    }
  }

  /**
   * Up to where the two logs are the same. Exactly: what is above is written down before a snapshot takes its place,
   * and what is below stays. The primary alone knows no more than a bound, too high after some unsafe promotions.
   */
  #agreed(epochs: readonly EpochStart[], lastPosition: number): number {
    const { lastEntry, epochs: own } = this.#start;
    return new EpochTable(own).agreedPositionWith(lastEntry.position, new EpochTable(epochs), lastPosition);
  }

  #follow(message: FollowMessage): FollowerEffect[] {
    switch (message.kind) {
      case 'entries':
        if (message.firstPosition !== this.#last + 1) {
          return this.#drop(`entry ${this.#last + 1} is missing before ${message.firstPosition}`, false);
        }
        this.#last += message.bodies.length;
        this.#state = { kind: 'following', next: this.#last + 1 };
        return [
          {
            kind: 'append',
            firstPosition: message.firstPosition,
            bodies: message.bodies,
            checksums: message.checksums,
          },
        ];
      case 'watermark':
        return [];
      case 'refused':
        return this.#drop(`the primary gave up: ${message.cause}`, true);
      case 'start':
      case 'snapshot-needed':
        return this.#drop(`the primary sent ${message.kind} twice`, false);
      default:
        return unreachable(message);
    }
  }

  #drop(reason: string, refresh: boolean): FollowerEffect[] {
    this.#state = { kind: 'ended' };
    return [{ kind: 'drop', reason, refresh }];
  }
}
