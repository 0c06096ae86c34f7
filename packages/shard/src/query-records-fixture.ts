import type { Predicate } from '@edis/core';
import fc from 'fast-check';
import { nowMs, recordOf } from './query-fixture.ts';

/** Random records and conditions in which much is equal, and little is what one expects. */

const values = ['', 'a', 'ab', 'ab\u0000', 'b', '\uffff', '\u{1f600}', 'ä'];
const numbers = ['-10', '-0', '0', '1', '1.0', '2.5', '1e1', '100', 'none', ''];

const metadata = fc.record(
  {
    tier: fc.constantFrom('gold', 'iron'),
    city: fc.constantFrom('x', 'y', 'z'),
    name: fc.constantFrom(...values),
    age: fc.constantFrom(...numbers),
    score: fc.constantFrom('1', '0.1', '0.25', '-3', '1e20', '9007199254740993'),
  },
  { requiredKeys: [] },
);

export const records = fc
  .uniqueArray(
    fc.record({
      key: fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', '\u00ff'), minLength: 1, maxLength: 5 }),
      metadata,
      expiresAtMs: fc.constantFrom(0, 0, 0, nowMs - 1, nowMs, nowMs + 1),
    }),
    { selector: (record) => record.key, maxLength: 60 },
  )
  .map((made) => made.map((record) => recordOf(record.key, record.metadata, record.expiresAtMs)));

const bound = (value: fc.Arbitrary<string>) =>
  fc.option(fc.record({ value, inclusive: fc.boolean() }), { nil: undefined });

const finite = fc.constantFrom('-10', '0', '1', '1.00', '2', '10', '1e2');

export const predicate: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({ kind: fc.constant('equals'), field: fc.constant('tier'), value: fc.constantFrom('gold', 'iron', 'no') }),
  fc.record({ kind: fc.constant('equals'), field: fc.constant('city'), value: fc.constantFrom('x', 'y', 'z') }),
  fc.record({ kind: fc.constant('equals'), field: fc.constant('age'), value: finite }),
  fc.record({ kind: fc.constant('prefix'), field: fc.constant('name'), prefix: fc.constantFrom('', 'a', 'ab') }),
  rangeOf('name', fc.constantFrom(...values)),
  rangeOf('age', finite),
);

function rangeOf(field: string, value: fc.Arbitrary<string>): fc.Arbitrary<Predicate> {
  return fc
    .record({ kind: fc.constant('range'), field: fc.constant(field), from: bound(value), to: bound(value) })
    .filter(({ from, to }) => from !== undefined || to !== undefined);
}
