import { describe, expect, test } from 'vitest';
import { GroupProgress } from './group-progress.ts';

const two = { members: ['a', 'b'], quorum: 2 };
const three = { members: ['a', 'b', 'c'], quorum: 2 };

describe('what is safe on a quorum', () => {
  test('is what enough members have synced, the primary counting like any other', () => {
    const progress = new GroupProgress('a');
    progress.configure([three]);
    progress.onSynced(10);
    expect(progress.position).toBe(0);
    progress.onAcknowledged('x', 10);
    expect(progress.position).toBe(0);
    progress.onAcknowledged('b', 7);
    expect(progress.position).toBe(7);
    progress.onAcknowledged('c', 12);
    expect(progress.position).toBe(10);
  });

  test('must be safe under both groups while a change of members is under way', () => {
    const progress = new GroupProgress('a');
    const next = { members: ['a', 'b'], quorum: 2 };
    progress.configure([three, next]);
    progress.onSynced(10);
    progress.onAcknowledged('c', 10);
    expect(progress.position).toBe(0);
    expect(progress.reachedBy(three)).toBe(10);
    progress.onAcknowledged('b', 4);
    expect(progress.position).toBe(4);
    progress.configure([three]);
    expect(progress.position).toBe(10);
  });

  test('never falls, whatever the groups and the acknowledgements do', () => {
    const progress = new GroupProgress('a');
    progress.configure([two]);
    progress.onSynced(5);
    progress.onAcknowledged('b', 5);
    progress.onAcknowledged('b', 3);
    progress.configure([three, { members: ['a', 'c'], quorum: 2 }]);
    expect(progress.position).toBe(5);
    expect(progress.onAcknowledged('c', 4)).toBe(false);
  });
});
