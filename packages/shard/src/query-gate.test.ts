import type { Consistency, EdisError, QueryHead, QueryRefusal, RecordPage } from '@edis/core';
import { entryOf, FakeWorld, putOf } from '@edis/store/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { CurrentSide } from './current-side.ts';
import { GroupBed, ScriptedChannel } from './group-fixture.ts';
import { put, SyncGate, silent, turns } from './primary-fixture.ts';
import { head as anyHead, FakeStore, makeQueryService, patience } from './query-fixture.ts';
import type { QueryService } from './query-service.ts';
import { ReplicaSide } from './replica-side.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Queries that all run at once. */
const running = 4;

/** Whatever a replica is behind, it is within that. */
const maxStalenessMs = Number.MAX_SAFE_INTEGER;

const query = { from: '', to: '', maxRecords: 10, keysOnly: false };

interface Asked {
  answer: RecordPage | QueryRefusal | EdisError | undefined;
}

/** Where the answer will be. */
function ask(service: QueryService, head: QueryHead): Asked {
  const asked: Asked = { answer: undefined };
  const take = (answer: Asked['answer']): void => {
    asked.answer = answer;
  };
  service.scan({ head, ...query }, patience()).then(take, take);
  return asked;
}

/** A primary of three that becomes a replica when the test says so; nothing is due before the test says so. */
class QueriedMember {
  readonly group: GroupBed;
  readonly service: QueryService;
  readonly #current: CurrentSide;
  readonly #replica: ReplicaSide;

  /** What is visible ends before its newest writes: a quorum write hangs, and `a` was acknowledged behind it. */
  static async open(): Promise<QueriedMember> {
    const group = await GroupBed.open({ others: ['f1', 'f2'] });
    const { primary } = group;
    await primary.settle(put('a', 'old'));
    primary.write(put('slow', '1', { ack: 'quorum' }));
    await turns();
    expect(await primary.settle(put('a', 'new', { ack: 'disk' }))).toMatchObject({ kind: 'put' });
    return new QueriedMember(group);
  }

  private constructor(group: GroupBed) {
    this.group = group;
    const { store, side } = group.primary;
    const { timers } = group;
    this.#replica = new ReplicaSide({
      store,
      node: 'n1',
      logger: silent,
      network: {
        dial: (address) => new ScriptedChannel(address),
        serve: () => {
          throw new Error('nothing is served here');
        },
      },
      timers,
      replicationDelayMs: 0,
      random: () => 0,
      monotonicMs: () => timers.nowMs,
      wallMs: () => timers.nowMs,
      serving: true,
      onShown: () => this.service.onApplied(),
      onServing: () => {},
      onLease: () => false,
      onSnapshot: () => {},
    });
    this.#current = new CurrentSide({ kind: 'primary', side });
    const { service } = makeQueryService(store, 5000, 7, {
      role: this.#current,
      epoch: () => this.#current.epoch,
      timers,
    });
    this.service = service;
    closers.push(async () => {
      this.#replica.close();
      await group.close();
    });
  }

  /** Another one is to lead: as `MemberGroup` ends a primary. */
  depose(): void {
    const { side } = this.group.primary;
    this.#replica.resume(side.epoch);
    this.#current.become({ kind: 'replica', side: this.#replica });
    side.abandon();
    this.service.onApplied();
  }

  /** A `session` query knows all that is in the log now. */
  ask(consistency: Consistency): Asked {
    const after = { epoch: this.group.primary.side.epoch, position: this.group.last };
    return ask(this.service, { ...anyHead, consistency, after, maxStalenessMs });
  }
}

describe('a query that waits at a primary for what is not visible yet', () => {
  test.each([
    ['strong', { kind: 'not-primary', epoch: 1 }],
    ['session', { kind: 'too-stale', applied: { epoch: 1, position: 2 } }],
    // The replica that it is now may answer it.
    ['bounded', { kind: 'records', records: [{ key: 'a', value: 'old' }], footer: { position: { position: 2 } } }],
  ] as const)('(%s) is decided anew when that is deposed', async (consistency, expected) => {
    const member = await QueriedMember.open();
    const asked = Array.from({ length: running }, () => member.ask(consistency));
    await turns();
    expect(asked).toEqual(asked.map(() => ({ answer: undefined })));
    member.depose();
    await turns(10);
    for (const { answer } of asked) expect(answer).toMatchObject(expected);
    // Nobody is in the way of the next one.
    const next = member.ask('eventual');
    await turns(10);
    expect(next.answer).toMatchObject({ kind: 'records' });
  });

  test('shows it once it is visible, if the primary holds its lease then', async () => {
    const member = await QueriedMember.open();
    const early = member.ask('strong');
    await turns();
    member.group.acknowledge();
    await turns(10);
    expect(early.answer).toMatchObject({ records: [{ key: 'a', value: 'new' }, { key: 'slow' }] });
  });

  test.each([
    ['strong', { kind: 'not-primary' }],
    ['session', { kind: 'too-stale' }],
  ] as const)('(%s) is decided anew soon after the end of the lease, though nothing is heard', async (...row) => {
    const [consistency, expected] = row;
    const member = await QueriedMember.open();
    const late = member.ask(consistency);
    await turns();
    member.group.loseLease();
    member.group.timers.pass(500);
    await turns(10);
    expect(late.answer).toMatchObject(expected);
  });

  // Another one may lead by then, and lack what became safe here.
  test.each([
    ['strong', { kind: 'not-primary' }],
    ['session', { kind: 'records', records: [{ value: 'new' }, { key: 'slow' }] }],
  ] as const)('(%s) is decided anew when it is visible after the end of the lease', async (consistency, expected) => {
    const member = await QueriedMember.open();
    const late = member.ask(consistency);
    await turns();
    member.group.loseLease();
    member.group.acknowledge();
    await turns(10);
    expect(late.answer).toMatchObject(expected);
  });
});

test.each([
  ['eventual', { kind: 'records', records: [{ value: '2' }], footer: { position: { position: 2 } } }],
  // What its client has seen is gone.
  ['session', { kind: 'too-stale', applied: { epoch: 1, position: 2 } }],
] as const)('at a replica whose log is cut below what it waits for, a query (%s) is decided anew', async (...row) => {
  const [consistency, expected] = row;
  const gate = new SyncGate();
  const store = await new FakeWorld({ beforeSync: gate.beforeSync }).open();
  closers.push(() => store.close());
  const { service, role } = makeQueryService(store);
  for (let position = 1; position <= 3; position += 1) store.append(entryOf(position, [putOf('a', `${position}`)]));
  role.role = 'replica';
  role.active = false;
  role.applied = { epoch: 1, position: 3 };
  gate.close();
  store.setVisible(3);
  const asked = ask(service, { ...anyHead, consistency, after: role.applied });
  await turns();
  const cut = store.truncateAfter(2);
  await turns();
  role.applied = { epoch: 1, position: 2 };
  gate.open();
  await cut;
  await turns(10);
  expect(asked.answer).toMatchObject(expected);
});

// The lease ends between two looks at the clocks, or a wall clock that is set back brings it back.
test('a strong query that is answered shows all that the log had, whatever the clocks say at each look', async () => {
  const answered = new Set<string>();
  for (let pattern = 0; pattern < 2 ** 7; pattern += 1) {
    const store = new FakeStore();
    const { service, role } = makeQueryService(store);
    let look = 0;
    Object.defineProperty(role, 'active', { get: () => ((pattern >> look++) & 1) === 1 });
    for (const consistency of ['strong', 'bounded'] as const) {
      const { kind } = await service.scan({ head: { ...anyHead, consistency }, ...query }, patience());
      answered.add(kind);
      if (kind === 'records') expect(store.opened.at(-1)).toBe(store.lastEntry.position);
    }
    expect(store.viewsOpen).toBe(0);
  }
  expect([...answered].sort()).toEqual(['not-primary', 'records']);
});
