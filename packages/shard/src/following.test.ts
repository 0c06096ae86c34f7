import type { EpochStart, FollowMessage } from '@edis/core';
import type { Network } from '@edis/rpc';
import { entryOf, FakeWorld, putOf } from '@edis/store/testing';
import { describe, expect, test, vi } from 'vitest';
import { Following } from './following.ts';
import { ManualTimers, ScriptedChannel } from './group-fixture.ts';
import { silent } from './primary-fixture.ts';

const target = { address: 'primary:1', primary: 'store-p', epoch: 2, shard: 's1', cluster: 'cluster-1' };

/** A follower whose primary, and whose clock, the test plays. @param isFailing which of its files fail to sync */
async function open(isFailing: (path: string) => boolean = () => false): Promise<{
  readonly store: Awaited<ReturnType<FakeWorld['open']>>;
  readonly following: Following;
  readonly timers: ManualTimers;
  /** Follow streams that were opened so far. */
  readonly follows: () => number;
  /** The primary says that the log disagrees with its own, which has these epochs. */
  readonly diverge: (epochs: readonly EpochStart[], lastPosition: number) => void;
}> {
  let isOpen = false;
  const world: FakeWorld = new FakeWorld({
    beforeSync: async (path) => {
      if (isOpen && isFailing(path)) world.disk.failSync();
    },
  });
  const store = await world.open();
  isOpen = true;
  for (let position = 1; position <= 5; position += 1) {
    store.append(entryOf(position, [putOf(`key-${position}`, 'value')], { epoch: 1 }));
  }
  const channels: ScriptedChannel[] = [];
  const network: Network = {
    dial: (address) => {
      const channel = new ScriptedChannel(address);
      channels.push(channel);
      return channel;
    },
    serve: () => {
      throw new Error('nothing is served here');
    },
  };
  const timers = new ManualTimers();
  const following = new Following({
    store,
    node: 'follower',
    logger: silent,
    network,
    timers,
    random: () => 0.5,
    monotonicMs: () => timers.nowMs,
    replicationDelayMs: 0,
    onStamp: () => {},
    onStream: () => {},
    onShown: () => {},
    onBeacon: () => true,
    onSnapshot: () => {},
    onCut: () => {},
  });
  const streams = (): ScriptedChannel[] => channels.filter(({ followStream }) => followStream !== undefined);
  return {
    store,
    following,
    timers,
    follows: () => streams().length,
    diverge: (epochs, lastPosition) => {
      const message: FollowMessage = { kind: 'snapshot-needed', cause: 'diverged', lastPosition, epochs };
      streams().at(-1)?.followStream?.hear({ message, epoch: 2, visiblePosition: 0, syncPosition: 0 });
    },
  };
}

const otherLog = [
  { epoch: 1, firstPosition: 1 },
  { epoch: 2, firstPosition: 4 },
];

describe('a follower whose log is cut', () => {
  test('opens its stream anew behind what both logs have', async () => {
    const { store, following, follows, diverge } = await open();
    following.follow(target);
    diverge(otherLog, 4);
    await following.idle();
    expect([store.lastEntry.position, store.failure, follows()]).toEqual([3, undefined, 2]);
    following.close();
    await store.close();
  });

  test.each([
    ['receipt', 'data/receipt.new'],
    ['log', 'data/log/'],
  ])('follows nobody any more when a sync of its %s fails', async (_what, failing) => {
    const { store, following, timers, follows, diverge } = await open((path) => path.startsWith(failing));
    const cut = vi.spyOn(store, 'truncateAfter');
    following.follow(target);
    diverge(otherLog, 4);
    await following.idle();
    expect(store.failure).toMatchObject({ code: 'disk' });
    timers.pass(60_000);
    following.follow(target);
    following.follow({ ...target, address: 'another:1', primary: 'store-q', epoch: 3 });
    timers.pass(60_000);
    await following.idle();
    expect([follows(), cut.mock.calls]).toEqual([1, [[3]]]);
    await store.close();
  });
});
