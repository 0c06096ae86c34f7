import type { HistoryOperation } from '@edis/checker';
import type { Ack } from '@edis/core';
import { describe, expect, it } from 'vitest';
import { LogObserver, lostLogOf } from './log-observer.ts';
import { entryOf, putOf } from './store-fakes.ts';
import { openStores } from './store-fixture.ts';
import type { EndOfRun } from './write-durability.ts';
import { judgeWrites } from './write-durability.ts';

function written(id: number, ack: Ack, version: number): HistoryOperation {
  return {
    id,
    session: 'caller-1',
    key: 'a',
    call: { kind: 'put', value: String(id) },
    callMs: id,
    ack,
    consistency: undefined,
    maxStalenessMs: undefined,
    ending: { status: 'ok', returnMs: id, answer: { kind: 'written', version }, place: undefined },
  };
}

function brokenRules(end: EndOfRun): string[] {
  return judgeWrites(end).breaches.map(({ rule }) => rule);
}

/** Two logs that part after their first entry: of the first one's second entry nothing is left. */
async function parted() {
  const [first, second] = await openStores(['m1', 'm2']);
  if (first === undefined || second === undefined) throw new Error('no stores');
  const log = new LogObserver(() => {});
  log.observe(first, 'm1', 1);
  log.observe(second, 'm2', 1);
  const kept = entryOf(1, [putOf('a', '1')]);
  const gone = entryOf(2, [putOf('a', '2')]);
  const { body, checksum } = first.append(kept);
  second.appendEncoded(1, [body], [checksum]);
  first.append(gone);
  const next = entryOf(2, [putOf('a', '3')], { epoch: 2, timestamp: 3_000_000 });
  second.append(next);
  return { first, log, store: second, kept: kept.timestamp, gone: gone.timestamp, next: next.timestamp };
}

describe('the entry of an acknowledged write', () => {
  it('is in the log at the end, also when a later write of the key hides that it is not', async () => {
    const { log, store, kept, gone } = await parted();
    const history = [written(1, 'quorum', kept), written(2, 'quorum', gone)];
    const { breaches } = judgeWrites({ history, log, store, excused: new Set([gone]), unsafeEpoch: 0 });
    expect(breaches.map(({ rule }) => rule)).toEqual(['quorum writes stay']);
    expect(breaches[0]?.what).toContain('#2');
  });

  it('that only a disk was asked for may be in a receipt instead', async () => {
    const { log, store, gone } = await parted();
    const end = { history: [written(1, 'disk', gone)], log, store, unsafeEpoch: 0 };
    expect(brokenRules({ ...end, excused: new Set() })).toEqual(['disk writes stay']);
    expect(brokenRules({ ...end, excused: new Set([gone]) })).toEqual([]);
  });

  it('that a quorum had may be in a receipt when an operator promoted a member without it', async () => {
    const { log, store, gone } = await parted();
    const end = { history: [written(1, 'quorum', gone)], log, store, excused: new Set([gone]) };
    expect(brokenRules({ ...end, unsafeEpoch: 1 })).toEqual(['quorum writes stay']);
    expect(judgeWrites({ ...end, unsafeEpoch: 2 })).toEqual({ breaches: [], givenUp: 1 });
    expect(brokenRules({ ...end, excused: new Set(), unsafeEpoch: 2 })).toEqual(['quorum writes stay']);
  });
});

describe('what a lost disk had', () => {
  it('is what its log had and the log at the end has not', async () => {
    const { first, log, store, gone } = await parted();
    expect(log.lossOf(lostLogOf(first), store).writes).toEqual([{ key: 'a', value: '2', version: gone }]);
    expect(log.lossOf(lostLogOf(store), store).writes).toEqual([]);
  });
});
