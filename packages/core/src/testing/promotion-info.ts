import type { ShardRecord } from '../cluster-state.ts';
import type { Prepare, PromiseAnswer } from '../node-message.ts';
import { quorumOf } from '../quorum.ts';
import type { ShardFacts, ShardStep } from '../shard-promotion.ts';
import { ShardPromotion } from '../shard-promotion.ts';

export const leaseMs = 2000;
export const leaseSpanMs = 2200;
export const rollCallMs = 30_000;
export const settleMs = 150;

/** Info's side of one shard, with `a` as its primary since epoch 5. */
export class Info {
  readonly promotion = new ShardPromotion({ leaseMs, rollCallMs });
  record: ShardRecord;
  nowMs = 0;
  isPrimaryNew = false;
  idleMs = 0;
  readonly connected = new Set<string>();
  readonly asked = new Map<string, Prepare>();
  readonly steps: ShardStep[] = [];
  readonly stores: string[];

  constructor(members: readonly string[], ...learners: string[]) {
    this.stores = [...members, ...learners];
    this.record = {
      shard: 's1',
      epoch: 5,
      primarySince: 5,
      primary: 'a',
      primaryIncarnation: 1,
      members,
      quorum: quorumOf(members.length),
      configuredSize: members.length,
      incarnations: [],
    };
    for (const store of this.stores) this.connected.add(store);
  }

  review(): void {
    const facts: ShardFacts = {
      record: this.record,
      stores: this.stores,
      nowMs: this.nowMs,
      isConnected: (store) => this.connected.has(store),
      isAlive: (store) => this.connected.has(store),
      nameOf: (store) => store,
      isPrimaryNew: this.isPrimaryNew,
      idleMs: this.idleMs,
    };
    for (const step of this.promotion.review(facts)) {
      if (step.kind === 'ask') this.asked.set(step.store, step.prepare);
      else this.steps.push(step);
    }
  }

  pass(milliseconds: number): void {
    for (const endMs = this.nowMs + milliseconds; this.nowMs < endMs; ) {
      this.nowMs += 50;
      this.review();
    }
  }

  gone(store: string): void {
    this.connected.delete(store);
    this.promotion.onGone(store);
    this.review();
  }

  back(store: string, knownEpoch = 0, isNewProcess = true): void {
    this.connected.add(store);
    if (isNewProcess && store === this.record.primary) this.isPrimaryNew = true;
    this.promotion.onSession(store, knownEpoch, isNewProcess);
    this.review();
  }

  answer(store: string, change: Partial<PromiseAnswer> = {}): void {
    const promisedEpoch = this.asked.get(store)?.epoch ?? 0;
    const lastEntry = { epoch: 5, position: 10 };
    this.promotion.onAnswer(
      store,
      { kind: 'promised', promisedEpoch, lastEntry, witness: true, ...change },
      this.nowMs,
    );
    this.review();
  }

  promises(store: string, epoch: number, position: number, change: Partial<PromiseAnswer> = {}): void {
    this.answer(store, { lastEntry: { epoch, position }, ...change });
  }

  get promoted(): string | undefined {
    const step = this.steps.find((candidate) => candidate.kind === 'promote');
    return step?.kind === 'promote' ? `${step.primary} in ${step.epoch}` : undefined;
  }
}
