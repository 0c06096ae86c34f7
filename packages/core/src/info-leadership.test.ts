import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CampaignOutcome, LeadershipEffect, LeaseId } from './info-leadership.ts';
import { InfoLeadership } from './info-leadership.ts';

const options = { leaseMs: 4000, marginMs: 500, retryMs: 100 };
const ttlMs = 4000;

function kinds(effects: readonly LeadershipEffect[]): readonly string[] {
  return effects.map((effect) => effect.kind);
}

/** One that leads with lease 7 and fencing number 41 from time 0 on. */
function leader(): InfoLeadership {
  const machine = new InfoLeadership(options);
  machine.tick(0);
  machine.onGranted(7, 0, ttlMs, 0);
  machine.onCampaign(7, { kind: 'won', fencing: 41 }, 0);
  return machine;
}

describe('an info among several', () => {
  test('asks for a lease, campaigns with it, and acts when it has won', () => {
    const machine = new InfoLeadership(options);
    expect(machine.tick(0)).toEqual([{ kind: 'grant', leaseMs: 4000 }]);
    expect(machine.tick(50)).toEqual([]);
    expect(machine.onGranted(7, 0, ttlMs, 60)).toEqual([{ kind: 'campaign', lease: 7 }]);
    expect(machine.isActive(60)).toBe(false);
    expect(machine.onCampaign(7, { kind: 'won', fencing: 41 }, 70)).toEqual([{ kind: 'activate', fencing: 41 }]);
    expect(machine.isActive(70)).toBe(true);
  });

  test('stops a margin before its lease can have expired, counted from when the keep-alive was sent', () => {
    const machine = leader();
    expect(machine.tick(1000)).toEqual([{ kind: 'keep-alive', lease: 7 }]);
    expect(machine.onKept(7, 1000, ttlMs, 2900)).toEqual([{ kind: 'keep-alive', lease: 7 }]);
    expect(machine.isActive(4499)).toBe(true);
    expect(machine.isActive(4500)).toBe(false);
    expect(kinds(machine.tick(4500))).toEqual(['stand-down', 'revoke']);
  });

  test('does not go on after its deadline because of a late answer, and never leads twice under one key', () => {
    const machine = leader();
    machine.tick(1000);
    const late = machine.onKept(7, 3000, ttlMs, 3600);
    expect(late).toEqual([
      { kind: 'stand-down', cause: 'deadline' },
      { kind: 'revoke', lease: 7 },
      { kind: 'grant', leaseMs: 4000 },
    ]);
    expect(machine.isActive(3600)).toBe(false);
    expect(kinds(machine.onGranted(8, 3600, ttlMs, 3610))).toEqual(['campaign']);
    expect(machine.onCampaign(8, { kind: 'won', fencing: 52 }, 3700)).toEqual([{ kind: 'activate', fencing: 52 }]);
  });

  test('that wins too late does not begin to act', () => {
    const machine = new InfoLeadership(options);
    machine.tick(0);
    machine.onGranted(7, 0, ttlMs, 0);
    machine.tick(1000);
    expect(kinds(machine.onCampaign(7, { kind: 'won', fencing: 41 }, 3500))).toEqual([]);
    expect(machine.isActive(3500)).toBe(false);
  });

  test('whose lease etcd has forgotten stands down and asks for another one', () => {
    const machine = leader();
    machine.tick(1000);
    expect(machine.onKept(7, 1000, 0, 1010)).toEqual([
      { kind: 'stand-down', cause: 'lease-lost' },
      { kind: 'grant', leaseMs: 4000 },
    ]);
    expect(machine.onGranted(8, 1010, ttlMs, 1020)).toEqual([{ kind: 'campaign', lease: 8 }]);
  });

  test('tries again after a while when etcd does not answer', () => {
    const machine = leader();
    machine.tick(1000);
    expect(machine.onLeaseFailed(1500)).toEqual([]);
    expect(machine.tick(1599)).toEqual([]);
    expect(machine.tick(1600)).toEqual([{ kind: 'keep-alive', lease: 7 }]);
  });

  test('that has lost campaigns again by itself, and at once when the leader is gone', () => {
    const machine = new InfoLeadership(options);
    machine.tick(0);
    machine.onGranted(7, 0, ttlMs, 0);
    expect(machine.onCampaign(7, { kind: 'lost' }, 10)).toEqual([]);
    expect(machine.tick(900)).toEqual([]);
    expect(machine.onVacancy(910)).toEqual([{ kind: 'campaign', lease: 7 }]);
    expect(kinds(machine.onCampaign(7, { kind: 'failed' }, 950))).toEqual([]);
    expect(kinds(machine.tick(1050))).toEqual(['keep-alive', 'campaign']);
  });

  test('that is fenced stands down at once', () => {
    const machine = leader();
    expect(machine.onFenced(20)).toEqual([
      { kind: 'stand-down', cause: 'fenced' },
      { kind: 'revoke', lease: 7 },
      { kind: 'grant', leaseMs: 4000 },
    ]);
    expect(machine.isActive(20)).toBe(false);
    expect(machine.onGranted(8, 20, ttlMs, 30)).toEqual([]);
    expect(machine.tick(120)).toEqual([{ kind: 'campaign', lease: 8 }]);
  });

  test('that leaves gives its lease back, and one that it is granted afterwards too', () => {
    const machine = leader();
    expect(machine.leave()).toEqual([
      { kind: 'stand-down', cause: 'leaving' },
      { kind: 'revoke', lease: 7 },
    ]);
    expect(machine.tick(5000)).toEqual([]);
    const early = new InfoLeadership(options);
    early.tick(0);
    expect(early.leave()).toEqual([]);
    expect(early.onGranted(9, 0, ttlMs, 10)).toEqual([{ kind: 'revoke', lease: 9 }]);
  });
});

/** etcd, as the oracle: leases by its own clock, one leader key. */
class Etcd {
  readonly leases = new Map<LeaseId, number>();
  leader: { readonly lease: LeaseId; readonly createRevision: number } | undefined;
  #revision = 0;
  #nextLease = 0;

  advance(nowMs: number): void {
    for (const [lease, untilMs] of this.leases) if (nowMs >= untilMs) this.end(lease);
  }

  grant(nowMs: number): LeaseId {
    this.#nextLease += 1;
    this.leases.set(this.#nextLease, nowMs + ttlMs);
    return this.#nextLease;
  }

  keep(lease: LeaseId, nowMs: number): number {
    if (!this.leases.has(lease)) return 0;
    this.leases.set(lease, nowMs + ttlMs);
    return ttlMs;
  }

  campaign(lease: LeaseId): CampaignOutcome {
    if (!this.leases.has(lease)) return { kind: 'failed' };
    if (this.leader === undefined) {
      this.#revision += 1;
      this.leader = { lease, createRevision: this.#revision };
    }
    return this.leader.lease === lease ? { kind: 'won', fencing: this.leader.createRevision } : { kind: 'lost' };
  }

  end(lease: LeaseId): void {
    this.leases.delete(lease);
    if (this.leader?.lease === lease) this.leader = undefined;
  }
}

interface Message {
  readonly atMs: number;
  run(nowMs: number): void;
}

/** Several infos and etcd, with messages that take their time or get lost, and pauses of processes. */
class World {
  readonly etcd = new Etcd();
  readonly machines: readonly InfoLeadership[];
  readonly fencings: number[][];
  readonly pausedUntilMs: number[];
  readonly #dice: () => number;
  #messages: Message[] = [];
  #calm = false;

  constructor(count: number, dice: () => number) {
    this.#dice = dice;
    this.machines = Array.from({ length: count }, () => new InfoLeadership(options));
    this.fencings = this.machines.map(() => []);
    this.pausedUntilMs = this.machines.map(() => 0);
  }

  step(nowMs: number, calm: boolean): void {
    this.#calm = calm;
    this.etcd.advance(nowMs);
    const due = this.#messages.filter((message) => message.atMs <= nowMs);
    this.#messages = this.#messages.filter((message) => message.atMs > nowMs);
    for (const message of due) message.run(nowMs);
    for (const [index, machine] of this.machines.entries()) {
      if (!calm && this.#dice() < 3) this.pausedUntilMs[index] = nowMs + this.#dice() * 100;
      if (!this.isPaused(index, nowMs)) this.#run(index, machine.tick(nowMs), nowMs);
    }
  }

  isPaused(index: number, nowMs: number): boolean {
    return nowMs < (this.pausedUntilMs[index] ?? 0);
  }

  #run(index: number, effects: readonly LeadershipEffect[], sentMs: number): void {
    for (const effect of effects) {
      if (effect.kind === 'activate') this.fencings[index]?.push(effect.fencing);
      if (effect.kind === 'revoke') this.etcd.end(effect.lease);
      if (effect.kind === 'stand-down' || effect.kind === 'activate' || effect.kind === 'revoke') continue;
      const calm = this.#calm;
      const delays = calm ? [1, 1] : [this.#dice() * 12, this.#dice() * 12];
      const [there = 0, back = 0] = delays;
      const [lostThere, lostBack] = calm ? [false, false] : [this.#dice() < 10, this.#dice() < 10];
      this.#messages.push({
        atMs: sentMs + there,
        run: (atMs) => {
          const answer = lostThere ? undefined : this.#answer(effect, sentMs, atMs);
          this.#deliver(index, lostBack ? undefined : answer, effect, atMs + back);
        },
      });
    }
  }

  #deliver(
    index: number,
    answer: ((machine: InfoLeadership, nowMs: number) => readonly LeadershipEffect[]) | undefined,
    effect: LeadershipEffect,
    atMs: number,
  ): void {
    this.#messages.push({
      atMs,
      run: (nowMs) => {
        const machine = this.machines[index];
        if (machine === undefined) return;
        if (this.isPaused(index, nowMs)) {
          this.#deliver(index, answer, effect, this.pausedUntilMs[index] ?? nowMs + 1);
          return;
        }
        const failed = () =>
          effect.kind === 'campaign'
            ? machine.onCampaign(effect.lease, { kind: 'failed' }, nowMs)
            : machine.onLeaseFailed(nowMs);
        this.#run(index, answer?.(machine, nowMs) ?? failed(), nowMs);
      },
    });
  }

  #answer(effect: LeadershipEffect, sentMs: number, atMs: number) {
    if (effect.kind === 'grant') {
      const lease = this.etcd.grant(atMs);
      return (machine: InfoLeadership, nowMs: number) => machine.onGranted(lease, sentMs, ttlMs, nowMs);
    }
    if (effect.kind === 'keep-alive') {
      const left = this.etcd.keep(effect.lease, atMs);
      return (machine: InfoLeadership, nowMs: number) => machine.onKept(effect.lease, sentMs, left, nowMs);
    }
    if (effect.kind === 'campaign') {
      const outcome = this.etcd.campaign(effect.lease);
      return (machine: InfoLeadership, nowMs: number) => machine.onCampaign(effect.lease, outcome, nowMs);
    }
    return undefined;
  }
}

/** 0 to 99, from a Lehmer generator. */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % (2 ** 31 - 1);
    return state % 100;
  };
}

test('of several infos at most one acts at a time, each new one with a higher number, and in the end one does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 2 ** 31 - 2 }), (count, seed) => {
      const world = new World(count, diceOf(seed));
      const stormMs = 30_000;
      let highest = 0;
      for (let nowMs = 0; nowMs < stormMs + 12_000; nowMs += 50) {
        world.step(nowMs, nowMs >= stormMs);
        const active = world.machines.flatMap((machine, index) => (machine.isActive(nowMs) ? [index] : []));
        expect(active.length).toBeLessThanOrEqual(1);
        const [index] = active;
        if (index === undefined) continue;
        const fencing = world.fencings[index]?.at(-1) ?? 0;
        expect(fencing).toBe(world.etcd.leader?.createRevision);
        expect(fencing).toBeGreaterThanOrEqual(highest);
        highest = fencing;
      }
      expect(world.machines.some((machine) => machine.isActive(stormMs + 12_000))).toBe(true);
      const terms = world.fencings.flat();
      expect(new Set(terms).size).toBe(terms.length);
    }),
    { numRuns: 100 },
  );
});
