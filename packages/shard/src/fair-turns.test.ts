import { expect, test } from 'vitest';
import { FairTurns, quantum, type WaitingClient } from './fair-turns.ts';

let nowMs = 0;

class Client implements WaitingClient {
  left: number;
  readonly order: string[];
  readonly name: string;

  constructor(name: string, left: number, order: string[]) {
    this.name = name;
    this.left = left;
    this.order = order;
  }

  get idle(): boolean {
    return this.left === 0;
  }

  run(operations: number): number {
    const ran = Math.min(operations, this.left);
    this.left -= ran;
    this.order.push(this.name);
    return ran;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('a client with little to do waits for one quantum of each other at most', async () => {
  const turns = new FairTurns(() => nowMs);
  const order: string[] = [];
  turns.add(new Client('heavy', 100 * quantum, order));
  turns.add(new Client('light', 1, order));
  await turn();
  expect(order.slice(0, 3)).toEqual(['heavy', 'light', 'heavy']);
});

test('a turn is bounded, and the next one goes on with the client whose turn it is', async () => {
  const turns = new FairTurns(() => nowMs);
  const order: string[] = [];
  const heavy = new Client('heavy', 100 * quantum, order);
  turns.add(heavy);
  await turn();
  const afterOne = heavy.left;
  expect(afterOne).toBeGreaterThan(0);
  turns.add(new Client('light', 1, order));
  for (let turnsLeft = 100; turnsLeft > 0 && turns.waiting > 0; turnsLeft -= 1) await turn();
  expect(heavy.left).toBe(0);
  expect(order).toContain('light');
});

test('a client that left is not run', async () => {
  const turns = new FairTurns(() => nowMs);
  const order: string[] = [];
  const gone = new Client('gone', 1, order);
  turns.add(gone);
  turns.remove(gone);
  await turn();
  expect(order).toEqual([]);
});

test('a client that is alone runs all that comes, one beside others its quantum', () => {
  const turns = new FairTurns(() => nowMs);
  const order: string[] = [];
  const heavy = new Client('heavy', 0, order);
  const light = new Client('light', 0, order);
  expect(turns.admit(heavy, 10 * quantum)).toBe(10 * quantum);
  expect(turns.admit(light, 1)).toBe(1);
  expect(turns.admit(heavy, 10 * quantum)).toBe(quantum);
  expect(turns.admit(heavy, 1)).toBe(0);
  nowMs += 1000;
  expect(turns.admit(heavy, 10 * quantum)).toBe(10 * quantum);
});

test('what comes while a client waits, waits behind it', () => {
  const turns = new FairTurns(() => nowMs);
  const client = new Client('client', 1, []);
  turns.add(client);
  expect(turns.admit(client, 1)).toBe(0);
});
