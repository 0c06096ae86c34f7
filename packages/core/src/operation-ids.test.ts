import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RememberedOperation } from './operation-ids.ts';
import { OperationIds } from './operation-ids.ts';
import { logicalSteps } from './timestamp.ts';

const bounds = { windowMs: 1000, maxClients: 3, maxOutstandingPerClient: 4 };

function put(sequence: number, position = sequence, version = sequence): RememberedOperation {
  return { sequence, slot: 7, kind: 'put', version, position, existed: true, answer: 0n };
}

describe('operation ids', () => {
  test('a write that was remembered is found, also when an older one arrives after a newer one', () => {
    const ids = new OperationIds(bounds);
    for (const sequence of [3, 5, 2]) ids.remember('a', put(sequence));
    expect(ids.find('a', 2)).toEqual({ kind: 'remembered', operation: put(2) });
    expect(ids.find('a', 3)).toEqual({ kind: 'remembered', operation: put(3) });
    expect(ids.find('a', 4)).toEqual({ kind: 'new' });
    expect(ids.find('b', 1)).toEqual({ kind: 'new' });
  });

  test('what was asked for and what was answered come back as they were, also after a restore', () => {
    const ids = new OperationIds(bounds);
    const kinds = ['put', 'delete', 'increment', 'append'] as const;
    const written = kinds.map((kind, index) => ({ ...put(index + 1), kind, answer: BigInt(index) - 2n ** 63n }));
    for (const operation of written) ids.remember('a', operation);
    const stored = ids.clientUpTo('a', written.length);
    const again = new OperationIds(bounds);
    if (stored !== undefined) again.restore([stored]);
    for (const operation of written) {
      expect(again.find('a', operation.sequence)).toEqual({ kind: 'remembered', operation });
    }
  });

  test('what its client has finished is forgotten', () => {
    const ids = new OperationIds(bounds);
    for (const sequence of [1, 2, 3]) ids.remember('a', put(sequence));
    ids.complete('a', 3, 10);
    expect(ids.find('a', 2)).toEqual({ kind: 'forgotten' });
    expect(ids.find('a', 3).kind).toBe('remembered');
  });

  test('a client with too many unfinished writes has to wait, and so has one client too many', () => {
    const ids = new OperationIds(bounds);
    for (const sequence of [1, 2, 3, 4]) ids.remember('a', put(sequence));
    expect(ids.find('a', 5)).toEqual({ kind: 'full' });
    expect(ids.find('a', 4).kind).toBe('remembered');
    ids.remember('b', put(1));
    ids.remember('c', put(1));
    expect(ids.find('d', 1)).toEqual({ kind: 'full' });
    expect(ids.find('b', 2)).toEqual({ kind: 'new' });
  });

  test('clients expire in the order of their last write, by the timestamps of the log alone', () => {
    const ids = new OperationIds(bounds);
    ids.remember('a', put(1, 1, 1 * logicalSteps));
    ids.remember('b', put(1, 2, 2 * logicalSteps));
    ids.remember('a', put(2, 3, 600 * logicalSteps));
    ids.expire(1003 * logicalSteps);
    expect(ids.find('b', 1)).toEqual({ kind: 'new' });
    expect(ids.find('a', 1).kind).toBe('remembered');
    expect(ids.takeExpired(1000 * logicalSteps)).toEqual([]);
    expect(ids.takeExpired(1003 * logicalSteps)).toEqual(['b']);
    expect(ids.takeExpired(1003 * logicalSteps)).toEqual([]);
  });

  test('a client that came back before its row was deleted keeps its row', () => {
    const ids = new OperationIds(bounds);
    ids.remember('a', put(1, 1, 1));
    ids.expire(2000 * logicalSteps);
    ids.remember('a', put(2, 2, 2000 * logicalSteps));
    expect(ids.takeExpired(2000 * logicalSteps)).toEqual([]);
  });

  test('what was cut off the log is forgotten', () => {
    const ids = new OperationIds(bounds);
    ids.remember('a', put(1, 10));
    ids.remember('a', put(2, 11));
    ids.forgetAfter(10);
    expect(ids.find('a', 1).kind).toBe('remembered');
    expect(ids.find('a', 2)).toEqual({ kind: 'new' });
  });

  test('stored clients come back as they were', () => {
    const ids = new OperationIds(bounds);
    ids.remember('a', put(4, 1, 50));
    ids.complete('a', 3, 51);
    const stored = ids.clientUpTo('a', 1);
    const again = new OperationIds(bounds);
    again.restore(stored === undefined ? [] : [stored]);
    expect(again.find('a', 4).kind).toBe('remembered');
    expect(again.find('a', 2).kind).toBe('forgotten');
    expect(again.clientUpTo('a', 0)?.operations).toEqual([]);
  });

  test('answers as a plain map does, for any history', () => {
    const step = fc.record({
      client: fc.constantFrom('a', 'b'),
      sequence: fc.integer({ min: 1, max: 300 }),
      done: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const ids = new OperationIds({ windowMs: 1e9, maxClients: 9, maxOutstandingPerClient: 1e6 });
        const below = new Map<string, number>();
        const known = new Map<string, RememberedOperation>();
        for (const [index, { client, sequence, done }] of steps.entries()) {
          const floor = below.get(client) ?? 0;
          if (done) {
            ids.complete(client, sequence, index);
            below.set(client, Math.max(floor, sequence));
          } else if (sequence >= floor) {
            const operation = put(sequence, index);
            ids.remember(client, operation);
            known.set(`${client}${sequence}`, operation);
          }
          const found = ids.find(client, sequence);
          const expected = known.get(`${client}${sequence}`);
          if (sequence < (below.get(client) ?? 0)) expect(found.kind).toBe('forgotten');
          else expect(found).toEqual(expected ? { kind: 'remembered', operation: expected } : { kind: 'new' });
        }
      }),
      { numRuns: 50 },
    );
  });
});
