import type { Member, Topology } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { isLedByAnother, WatchLevel } from './watch-level.ts';

/** A member whose figures the test sets. */
class Figures {
  stalenessMs = 0;
  leaseMs = 2000;
  isLedByAnother = true;
  readonly level = new WatchLevel({
    stalenessMs: () => this.stalenessMs,
    leaseMs: () => this.leaseMs,
    isLedByAnother: () => this.isLedByAnother,
  });

  look(count: number): void {
    for (let each = 0; each < count; each += 1) this.level.look();
  }
}

describe('a member is cut off', () => {
  test.each([
    [2000, 4],
    [5000, 10],
    [100, 2],
    [0, 2],
  ])('with a lease of %i ms after more than %i looks at which it was not level', (leaseMs, looks) => {
    const figures = new Figures();
    figures.leaseMs = leaseMs;
    figures.stalenessMs = Number.MAX_SAFE_INTEGER;
    figures.look(looks);
    expect(figures.level.isCutOff).toBe(false);
    figures.look(1);
    expect(figures.level.isCutOff).toBe(true);
  });

  test('never while each of its looks finds it level within a lease, or one of a few does', () => {
    const figures = new Figures();
    for (let round = 0; round < 10; round += 1) {
      figures.stalenessMs = Number.MAX_SAFE_INTEGER;
      figures.look(4);
      figures.stalenessMs = 2000;
      figures.look(1);
      expect(figures.level.isCutOff).toBe(false);
    }
  });

  test('by no single look, however long it stood still before', () => {
    const figures = new Figures();
    figures.stalenessMs = 3_600_000;
    figures.look(1);
    expect(figures.level.isCutOff).toBe(false);
  });

  test('no longer than until it is level, also between two looks', () => {
    const figures = new Figures();
    figures.stalenessMs = Number.MAX_SAFE_INTEGER;
    figures.look(20);
    expect(figures.level.isCutOff).toBe(true);
    figures.stalenessMs = 2000;
    expect(figures.level.isCutOff).toBe(false);
  });

  test('only while another member is said to lead', () => {
    const figures = new Figures();
    figures.stalenessMs = 10_000;
    figures.isLedByAnother = false;
    figures.look(100);
    expect(figures.level.isCutOff).toBe(false);
    figures.isLedByAnother = true;
    expect(figures.level.isCutOff).toBe(true);
  });
});

function mapOf(primary: string, alive: boolean): Topology {
  const member = (store: string, lives: boolean): Member => {
    return { node: store, store, role: 'replica', alive: lives, endpoints: [], host: '', pid: 0 };
  };
  const members = [member('a', alive), member('b', true)];
  const shard = { shard: 's1', epoch: 1, primary, configuredSize: 2, members, voters: [] };
  const rest = { formed: true, initialShards: 1, infos: [], keyspaces: [] };
  return { cluster: 'c1', revision: 1, ...rest, shards: [{ ...shard, shard: 's0', primary: 'b' }, shard] };
}

test('another member leads when the map has it as the living primary of the shard', () => {
  expect(isLedByAnother(mapOf('a', true), 's1', 'b')).toBe(true);
  expect(isLedByAnother(mapOf('a', false), 's1', 'b')).toBe(false);
  expect(isLedByAnother(mapOf('b', true), 's1', 'b')).toBe(false);
  expect(isLedByAnother(mapOf('gone', true), 's1', 'b')).toBe(false);
  expect(isLedByAnother(mapOf('a', true), 's2', 'b')).toBe(false);
  expect(isLedByAnother(undefined, 's1', 'b')).toBe(false);
});
