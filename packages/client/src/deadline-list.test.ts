import { expect, test } from 'vitest';
import { DeadlineList } from './deadline-list.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import { PendingGet, type PendingOperation } from './pending-operation.ts';

function operation(key: string, timeoutMs: number): PendingOperation {
  const scope = new KeyspaceScope('default');
  const call = { key, callerKey: key, slot: 0, timeoutMs, scope, session: undefined };
  const read = { consistency: 'eventual', maxStalenessMs: 0, token: undefined } as const;
  return new PendingGet(
    call,
    read,
    false,
    () => {},
    () => {},
  );
}

function expired(list: DeadlineList, nowMs: number): string[] {
  const keys: string[] = [];
  list.forEachExpired(nowMs, (each) => {
    if ('key' in each) keys.push(each.key);
    list.remove(each);
  });
  return keys.sort();
}

test('operations expire at their deadline and not before', () => {
  const list = new DeadlineList();
  list.add(operation('a', 100), 0);
  list.add(operation('b', 50), 10);
  list.add(operation('c', 100), 20);
  expect(expired(list, 59)).toEqual([]);
  expect(expired(list, 60)).toEqual(['b']);
  expect(expired(list, 119)).toEqual(['a']);
  expect(expired(list, 120)).toEqual(['c']);
  expect(list.count).toBe(0);
});

test('what was removed does not expire, from wherever in the list', () => {
  const list = new DeadlineList();
  const operations = ['a', 'b', 'c', 'd', 'e'].map((key) => operation(key, 100));
  for (const each of operations) list.add(each, 0);
  for (const index of [2, 0, 4]) list.remove(operations[index] ?? operation('none', 1));
  expect(list.all().map((each) => ('key' in each ? each.key : ''))).toEqual(['b', 'd']);
  expect(expired(list, 100)).toEqual(['b', 'd']);
});

test('a list goes on after it ran empty', () => {
  const list = new DeadlineList();
  for (let round = 0; round < 3; round++) {
    for (const timeoutMs of [10, 20, 30]) list.add(operation(`${timeoutMs}`, timeoutMs), round * 100);
    expect(expired(list, round * 100 + 30)).toEqual(['10', '20', '30']);
  }
  expect(list.count).toBe(0);
});
