import { randomInt } from 'node:crypto';
import type { CampaignOutcome, InfoNode, LeadershipEffect, LeaseId, StandDownCause } from '@edis/core';
import { EdisError, InfoLeadership, unreachable } from '@edis/core';
import { continuousClock } from '@edis/process';
import type { EtcdClient, EtcdRow } from '@edis/rpc';
import { StoredValue } from './stored-value.ts';

/** Far below the margin of the shortest lease. */
const tickMs = 50;
const retryMs = 200;
/** What two clocks may run apart, and timers be late, during a lease; a tenth of it. */
const marginShare = 0.1;
/** Lease numbers are the client's choice: any that is not in use. */
const maxLease = 2 ** 47;

export interface ElectionListener {
  /** This info decides, with that fencing number. */
  onElected(fencing: number): void;
  onDeposed(cause: StandDownCause): void;
  /** A question to etcd failed; it is repeated. */
  onError(error: EdisError): void;
}

/** The leader key's value. */
export interface LeaderRecord {
  readonly lease: LeaseId;
  readonly node: string;
  /** Where it can be reached; empty: it did not say. */
  readonly address: string;
}

/** Runs core's election against etcd. */
export class EtcdElection {
  readonly #client: EtcdClient;
  readonly #leaderKey: string;
  readonly #listener: ElectionListener;
  readonly #machine: InfoLeadership;
  /** etcd counts the lease on while this machine is suspended. */
  readonly #nowMs = continuousClock();
  #self: Omit<LeaderRecord, 'lease'> = { node: '', address: '' };
  #ticking: NodeJS.Timeout | undefined;
  #revoking: Promise<void> = Promise.resolve();

  constructor(client: EtcdClient, leaderKey: string, leaseMs: number, listener: ElectionListener) {
    this.#client = client;
    this.#leaderKey = leaderKey;
    this.#listener = listener;
    this.#machine = new InfoLeadership({ leaseMs, marginMs: leaseMs * marginShare, retryMs });
  }

  /** Whether this info may act at this very moment. */
  get isActive(): boolean {
    return this.#machine.isActive(this.#nowMs());
  }

  start(self: InfoNode): void {
    this.#self = { node: self.node, address: self.endpoints[0]?.address ?? '' };
    this.#ticking = setInterval(() => this.#run(this.#machine.tick(this.#nowMs())), tickMs);
    this.#run(this.#machine.tick(this.#nowMs()));
  }

  /** Nobody leads, as was seen in etcd. */
  onVacancy(): void {
    this.#run(this.#machine.onVacancy(this.#nowMs()));
  }

  /** Somebody else leads, as was seen in etcd. */
  onFenced(): void {
    this.#run(this.#machine.onFenced(this.#nowMs()));
  }

  /** Resolves when etcd knows, or does not answer. */
  async leave(): Promise<void> {
    clearInterval(this.#ticking);
    this.#run(this.#machine.leave());
    await this.#revoking;
  }

  #run(effects: readonly LeadershipEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: LeadershipEffect): void {
    switch (effect.kind) {
      case 'grant':
        void this.#grant(effect.leaseMs);
        return;
      case 'keep-alive':
        void this.#keepAlive(effect.lease);
        return;
      case 'campaign':
        void this.#campaign(effect.lease);
        return;
      case 'revoke':
        this.#revoking = this.#revoke(effect.lease);
        return;
      case 'activate':
        this.#listener.onElected(effect.fencing);
        return;
      case 'stand-down':
        this.#listener.onDeposed(effect.cause);
        return;
    }
    unreachable(effect);
  }

  async #grant(leaseMs: number): Promise<void> {
    const lease = randomInt(1, maxLease);
    const sentMs = this.#nowMs();
    try {
      const ttlMs = await this.#client.grant(lease, leaseMs);
      this.#run(this.#machine.onGranted(lease, sentMs, ttlMs, this.#nowMs()));
    } catch (caught) {
      this.#listener.onError(EdisError.from(caught));
      this.#run(this.#machine.onLeaseFailed(this.#nowMs()));
    }
  }

  async #keepAlive(lease: LeaseId): Promise<void> {
    const sentMs = this.#nowMs();
    try {
      const ttlMs = await this.#client.keepAlive(lease);
      this.#run(this.#machine.onKept(lease, sentMs, ttlMs, this.#nowMs()));
    } catch (caught) {
      this.#listener.onError(EdisError.from(caught));
      this.#run(this.#machine.onLeaseFailed(this.#nowMs()));
    }
  }

  async #campaign(lease: LeaseId): Promise<void> {
    let outcome: CampaignOutcome = { kind: 'failed' };
    try {
      const record: LeaderRecord = { lease, ...this.#self };
      const { succeeded, revision, found } = await this.#client.transact({
        comparisons: [{ key: this.#leaderKey, createRevision: 0 }],
        puts: [{ key: this.#leaderKey, value: JSON.stringify(record), lease }],
        otherwise: [this.#leaderKey],
      });
      const [leader] = found;
      if (succeeded) outcome = { kind: 'won', fencing: revision };
      // An earlier campaign of ours, of which etcd's answer was lost, may have made it.
      else if (leader !== undefined && leaderOf(leader)?.lease === lease) {
        outcome = { kind: 'won', fencing: leader.createRevision };
      } else if (leader !== undefined) outcome = { kind: 'lost' };
    } catch (caught) {
      this.#listener.onError(EdisError.from(caught));
    }
    this.#run(this.#machine.onCampaign(lease, outcome, this.#nowMs()));
  }

  async #revoke(lease: LeaseId): Promise<void> {
    try {
      await this.#client.revoke(lease);
    } catch {
      // Then the lease ends by itself.
    }
  }
}

/** Who made the leader key; undefined: not an info of this version. */
export function leaderOf(row: EtcdRow): LeaderRecord | undefined {
  try {
    const content: unknown = JSON.parse(row.value);
    const value = new StoredValue(content, row.key);
    return {
      lease: value.field('lease').count(),
      node: value.field('node').text(),
      address: value.field('address').text(),
    };
  } catch {
    return undefined;
  }
}
