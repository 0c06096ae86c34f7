import type { ClusterEffect, SessionId } from './cluster-effect.ts';
import type { ClusterState, Place, ShardRecord } from './cluster-state.ts';
import { isPrimaryNew, placeOfStore, withPrimary, withVoters } from './cluster-state.ts';
import { unreachable } from './error.ts';
import type { Liveness } from './node-admission.ts';
import type { InfoMessage, MembershipProposal, NodeMessage, PromoteReply } from './node-message.ts';
import type { PromoteWish } from './promote-decision.ts';
import { decidePromote } from './promote-decision.ts';
import { decideProposal } from './proposal-decision.ts';
import type { ShardFacts, ShardStep } from './shard-promotion.ts';
import { ShardPromotion } from './shard-promotion.ts';
import type { ShardId, StoreId } from './topology.ts';

/** What members say about their group. */
export type GroupMessage = Extract<NodeMessage, { kind: 'promise' | 'propose' | 'handed-over' | 'retire' }>;

export interface ShardGroupsParts {
  readonly leaseMs: number;
  readonly rollCallMs: number;
  readonly liveness: Liveness;
  /** It has said so in its last report on this session. */
  readonly isServing: (store: StoreId) => boolean;
  readonly state: () => ClusterState;
  /** Makes a state the current one. */
  readonly adopt: (state: ClusterState) => readonly ClusterEffect[];
  /** On its session, if it has one. */
  readonly sendTo: (store: StoreId, message: InfoMessage) => readonly ClusterEffect[];
}

/**
 * The cluster's decisions about the groups of its shards: who leads them, and who counts.
 *
 * Out of what members say it makes the facts that a `ShardPromotion` of each shard decides by, and of its steps what
 * the cluster does. All of it is in memory: a new info hears from the members what they promised.
 */
export class ShardGroups {
  readonly #parts: ShardGroupsParts;
  readonly #promotions = new Map<ShardId, ShardPromotion>();
  /** Since when a primary reports that it does not serve. */
  readonly #idleSinceMs = new Map<StoreId, number>();

  constructor(parts: ShardGroupsParts) {
    this.#parts = parts;
  }

  /** Why a shard has no primary that acts, for people; empty: it has. */
  waitsFor(shard: ShardId): string {
    return this.#promotions.get(shard)?.waitsFor ?? '';
  }

  onMessage(session: SessionId, store: StoreId, message: GroupMessage, nowMs: number): readonly ClusterEffect[] {
    const place = placeOfStore(this.#parts.state(), store);
    if (place === undefined) return [];
    const { record } = place;
    const promotion = this.#promotionOf(record.shard);
    switch (message.kind) {
      case 'promise':
        promotion.onAnswer(store, message.answer, nowMs);
        break;
      case 'propose':
        return this.#onProposal(session, place, message.proposal);
      case 'handed-over':
        if (record.primary === store && record.epoch === message.epoch) promotion.onHandedOver(message.to);
        break;
      case 'retire': {
        const { to } = this.#decidePromote({ shard: record.shard, node: '', isUnsafe: false });
        if (record.primary === store && to !== '') promotion.requestHandOver(to, nowMs);
        break;
      }
      default:
        return unreachable(message);
    }
    return this.review(record.shard, nowMs);
  }

  /** The operator wants another primary. The reply says whether it is under way, not that it has happened. */
  promote(wish: PromoteWish, nowMs: number): { reply: PromoteReply; effects: readonly ClusterEffect[] } {
    const { reply, to } = this.#decidePromote(wish);
    if (reply.kind === 'refused') return { reply, effects: [] };
    const promotion = this.#promotionOf(wish.shard);
    if (wish.isUnsafe) promotion.requestUnsafe(to);
    else promotion.requestHandOver(to, nowMs);
    return { reply, effects: this.review(wish.shard, nowMs) };
  }

  /** It is registered on a new session. `knownEpoch`: the highest that it promised or has seen. */
  onSession(store: StoreId, knownEpoch: number, isNewProcess: boolean, nowMs: number): readonly ClusterEffect[] {
    this.#idleSinceMs.delete(store);
    const shard = this.#shardOf(store);
    if (shard === undefined) return [];
    this.#promotionOf(shard).onSession(store, knownEpoch, isNewProcess);
    return this.review(shard, nowMs);
  }

  /** Its session has ended. */
  onGone(store: StoreId): void {
    const shard = this.#shardOf(store);
    if (shard !== undefined) this.#promotionOf(shard).onGone(store);
  }

  onReport(store: StoreId, isIdlePrimary: boolean, nowMs: number): void {
    if (!isIdlePrimary) this.#idleSinceMs.delete(store);
    else if (!this.#idleSinceMs.has(store)) this.#idleSinceMs.set(store, nowMs);
  }

  reviewOf(store: StoreId, nowMs: number): readonly ClusterEffect[] {
    const shard = this.#shardOf(store);
    return shard === undefined ? [] : this.review(shard, nowMs);
  }

  /** What is to be done now for a shard to have a primary that acts. */
  review(shard: ShardId, nowMs: number): readonly ClusterEffect[] {
    const facts = this.#factsOf(shard, nowMs);
    if (facts === undefined) return [];
    const steps = this.#promotionOf(shard).review(facts);
    return steps.flatMap((step) => this.#effectsOf(step, facts.record.shard, facts.record.epoch));
  }

  #decidePromote(wish: PromoteWish): ReturnType<typeof decidePromote> {
    const { state, liveness, isServing } = this.#parts;
    const record = this.#recordOf(wish.shard);
    const isPrimaryWell =
      record !== undefined &&
      !isPrimaryNew(record) &&
      liveness.isLiving(record.primary) &&
      isServing(record.primary) &&
      this.waitsFor(wish.shard) === '';
    return decidePromote(state(), wish, { isLiving: (store) => liveness.isLiving(store), isPrimaryWell });
  }

  /** Never while another primary is being looked for. */
  #onProposal(session: SessionId, place: Place, proposal: MembershipProposal): readonly ClusterEffect[] {
    const { state, adopt } = this.#parts;
    const promotion = this.#promotionOf(place.record.shard);
    const next = promotion.isUnderWay ? undefined : decideProposal(state(), place, proposal, promotion.highestPromise);
    if (next !== undefined) return adopt(next);
    return [{ kind: 'send', session, message: { kind: 'proposal-refused', epoch: proposal.epoch } }];
  }

  #shardOf(store: StoreId): ShardId | undefined {
    return placeOfStore(this.#parts.state(), store)?.shard.shard;
  }

  #recordOf(shardId: ShardId): ShardRecord | undefined {
    return this.#parts.state().records.find((candidate) => candidate.shard === shardId);
  }

  #promotionOf(shardId: ShardId): ShardPromotion {
    let promotion = this.#promotions.get(shardId);
    if (promotion === undefined) {
      const { leaseMs, rollCallMs } = this.#parts;
      promotion = new ShardPromotion({ leaseMs, rollCallMs });
      this.#promotions.set(shardId, promotion);
    }
    return promotion;
  }

  #factsOf(shardId: ShardId, nowMs: number): ShardFacts | undefined {
    const { state, liveness } = this.#parts;
    const { topology, records } = state();
    const index = topology.shards.findIndex((candidate) => candidate.shard === shardId);
    const record = records[index];
    const shard = topology.shards[index];
    if (record === undefined || shard === undefined) return undefined;
    const idleSinceMs = this.#idleSinceMs.get(record.primary);
    return {
      record,
      stores: shard.members.map((member) => member.store),
      nowMs,
      isConnected: (store) => liveness.isLiving(store),
      isAlive: (store) => liveness.isAlive(store),
      nameOf: (store) => shard.members.find((member) => member.store === store)?.node ?? store,
      isPrimaryNew: isPrimaryNew(record),
      idleMs: idleSinceMs === undefined ? 0 : nowMs - idleSinceMs,
    };
  }

  #effectsOf(step: ShardStep, shardId: ShardId, epoch: number): readonly ClusterEffect[] {
    const { state, adopt, sendTo } = this.#parts;
    switch (step.kind) {
      case 'ask':
        return sendTo(step.store, { kind: 'prepare', prepare: step.prepare });
      case 'hand-over':
        return sendTo(this.#recordOf(shardId)?.primary ?? '', { kind: 'hand-over', epoch, to: step.to });
      case 'promote':
        this.#idleSinceMs.delete(step.primary);
        return adopt(withPrimary(state(), shardId, step));
      case 'raise':
        return adopt(withVoters(state(), shardId, step.epoch, this.#recordOf(shardId)?.members ?? []));
      default:
        return unreachable(step);
    }
  }
}
