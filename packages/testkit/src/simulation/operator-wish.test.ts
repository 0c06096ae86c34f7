import type { ShardRecord } from '@edis/core';
import { expect, it } from 'vitest';
import { OperatorWish } from './operator-wish.ts';

function saved(primarySince: number): { readonly records: readonly ShardRecord[] } {
  const counted = { epoch: primarySince + 1, primarySince, primary: 'm1', primaryIncarnation: 1 };
  return { records: [{ shard: 's1', ...counted, members: ['m1'], quorum: 1, configuredSize: 1, incarnations: [] }] };
}

it('nothing is given up by the promotions of info itself', () => {
  const wish = new OperatorWish();
  wish.onSaved(saved(1));
  wish.onSaved(saved(3));
  expect([wish.sinceMs, wish.epoch]).toEqual([undefined, 0]);
});

it('what was written before the promotion that an operator asked for is given up, and not what comes after it', () => {
  const wish = new OperatorWish();
  wish.onSaved(saved(1));
  wish.onAccepted(500);
  wish.onSaved(saved(1));
  expect([wish.sinceMs, wish.epoch]).toEqual([500, 0]);
  wish.onSaved(saved(4));
  // What was decided before the wish may have been saved after it.
  wish.onSaved(saved(6));
  wish.onSaved(saved(8));
  expect(wish.epoch).toBe(6);
});
