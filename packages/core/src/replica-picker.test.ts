import { expect, test } from 'vitest';
import { ReplicaPicker } from './replica-picker.ts';

interface Replica {
  readonly name: string;
  usable: boolean;
}

function replicas(...names: string[]): Replica[] {
  return names.map((name) => ({ name, usable: true }));
}

function picks(picker: ReplicaPicker, from: readonly Replica[], count: number): string {
  return Array.from({ length: count }, () => picker.pick(from, { name: 'P' }).name).join('');
}

test('replicas take turns', () => {
  expect(picks(new ReplicaPicker(0), replicas('a', 'b', 'c'), 7)).toBe('abcabca');
});

test('the start is where the random number says', () => {
  expect(picks(new ReplicaPicker(7), replicas('a', 'b', 'c'), 4)).toBe('bcab');
});

test('a dead replica is skipped at once and used again when it is back', () => {
  const [a, b, c] = replicas('a', 'b', 'c') as [Replica, Replica, Replica];
  const picker = new ReplicaPicker(0);
  expect(picks(picker, [a, b, c], 2)).toBe('ab');
  a.usable = false;
  expect(picks(picker, [a, b, c], 5)).toBe('cbcbc');
  a.usable = true;
  expect(picks(picker, [a, b, c], 4)).toBe('abca');
});

test('the primary answers when no replica can', () => {
  const [a, b] = replicas('a', 'b') as [Replica, Replica];
  a.usable = false;
  b.usable = false;
  expect(picks(new ReplicaPicker(1), [a, b], 2)).toBe('PP');
  expect(picks(new ReplicaPicker(5), [], 2)).toBe('PP');
});

test('a replica that joins takes its turn', () => {
  const [a, b, c] = replicas('a', 'b', 'c') as [Replica, Replica, Replica];
  const picker = new ReplicaPicker(0);
  expect(picks(picker, [a, b], 2)).toBe('ab');
  expect(picks(picker, [a, b, c], 4)).toBe('cabc');
});
