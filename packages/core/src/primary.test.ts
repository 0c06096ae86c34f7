import { expect, test } from 'vitest';
import type { Configuration } from './node-message.ts';
import { Primary } from './primary.ts';

const configuration = (epoch: number, primary = 'mine'): Configuration => ({
  shard: 's1',
  epoch,
  primary,
  members: [primary],
  quorum: 1,
  configuredSize: 1,
  primaryEndpoints: [],
});

test('a primary acts only once the opening entry of its epoch is synced', () => {
  const primary = new Primary('mine', 3);
  expect(primary.onConfiguration(configuration(4))).toEqual([{ kind: 'open-epoch', epoch: 4 }]);
  expect(primary.active).toBe(false);
  primary.onOpened(4, 100);
  expect(primary.onSynced(99)).toBe(false);
  expect(primary.active).toBe(false);
  expect(primary.onSynced(100)).toBe(true);
  expect(primary.state).toEqual({ kind: 'active', epoch: 4 });
});

test('a configuration that is sent again, or is older than the log, opens nothing', () => {
  const primary = new Primary('mine', 3);
  expect(primary.onConfiguration(configuration(3))).toEqual([]);
  primary.onConfiguration(configuration(4));
  primary.onOpened(4, 1);
  expect(primary.onConfiguration(configuration(4))).toEqual([]);
});

test('who is not named by the configuration does not act', () => {
  const primary = new Primary('mine', 3);
  primary.onConfiguration(configuration(4));
  primary.onOpened(4, 1);
  primary.onSynced(1);
  expect(primary.onConfiguration(configuration(5, 'other'))).toEqual([]);
  expect(primary.active).toBe(false);
  expect(primary.state.kind).toBe('replaced');
});
