import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { type BulkCall, runBulk } from './bulk.ts';
import { failureOf } from './client-fixture.ts';

/** Calls that the test ends. */
class Calls {
  readonly begun: { resolve(result: number): void; reject(error: EdisError): void }[] = [];
  readonly list: readonly BulkCall<number>[];

  constructor(count: number) {
    this.list = Array.from({ length: count }, () => (resolve, reject) => {
      this.begun.push({ resolve, reject });
    });
  }
}

test('results are in the order of the calls, whatever ends first', async () => {
  const calls = new Calls(3);
  const results = runBulk('gets', calls.list);
  for (const index of [2, 0, 1]) calls.begun[index]?.resolve(index * 10);
  expect(await results).toEqual([0, 10, 20]);
  expect(await runBulk('gets', [])).toEqual([]);
});

test('only so many calls are unfinished at once, and each that ends makes room for the next', async () => {
  const calls = new Calls(10_000);
  const results = runBulk('puts', calls.list);
  const first = calls.begun.length;
  expect(first).toBeLessThan(5000);
  calls.begun[0]?.resolve(0);
  expect(calls.begun.length).toBe(first + 1);
  for (let index = 1; index < 10_000; index += 1) calls.begun[index]?.resolve(index);
  expect((await results).at(-1)).toBe(9999);
});

test('after a failure no more are begun, and the error comes when all that were begun have ended', async () => {
  const calls = new Calls(10_000);
  const failure = failureOf(runBulk('puts', calls.list));
  const { length } = calls.begun;
  calls.begun[1]?.reject(new EdisError('deadline', 'too late', { outcomeUnknown: true }));
  for (let index = 0; index < length; index += 1) if (index !== 1) calls.begun[index]?.resolve(index);
  expect(calls.begun.length).toBe(length);
  const error = await failure;
  expect(error).toMatchObject({ code: 'deadline', outcomeUnknown: true });
  expect(error.message).toContain(`${length - 1} of 10000 puts were done`);
});
