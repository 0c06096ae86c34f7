import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeEntry } from './entry-codec.ts';
import type { LoggedOperation } from './logged-operation.ts';
import { firstOperation, LoggedRecord } from './logged-record.ts';
import { RecordRows } from './record-row.ts';
import { entryOf, putOf } from './sample-entries.ts';
import { maxStringValueBytes, recordKeyOf } from './stored-record.ts';

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array).toString('latin1'));

const put: fc.Arbitrary<LoggedOperation> = fc
  .record({
    keyspace: fc.constantFrom(1, 7, 70_000),
    value: fc.oneof(
      bytes(0, 200),
      fc.integer({ min: maxStringValueBytes, max: 3 * maxStringValueBytes }).map((length) => 'x'.repeat(length)),
    ),
    metadata: fc.constantFrom(undefined, { name: 'välue' }, {}),
    expiresAtMs: fc.constantFrom(0, 1_900_000_000_123),
    client: fc.constantFrom('', 'a'.repeat(16), 'b'.repeat(16)),
    sequence: fc.constant(5),
    answer: fc.constantFrom(0n, -3n),
  })
  .chain((change) => bytes(1, 300).map((key) => putOf(key, '', change)));

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
}

test('a write read in its entry is the write, and becomes the same row as its record', () => {
  const rows = new RecordRows('view');
  fc.assert(
    fc.property(fc.array(put, { minLength: 1, maxLength: 8 }), fc.nat(64), (operations, headroom) => {
      const body = encodeEntry(entryOf(1, operations), headroom).subarray(headroom);
      const read = new LoggedRecord();
      let start = firstOperation(body);
      for (const [index, operation] of operations.entries()) {
        const { keyspace, key, metadata, expiresAtMs } = operation;
        read.load(body, start, 1000 + index);
        start = read.metadataEnd;
        expect(read.recordKey()).toBe(recordKeyOf(keyspace, key));
        const record = read.record();
        expect(textOf(record.value)).toBe(textOf(operation.value));
        expect(record).toMatchObject({ metadata, expiresAtMs, version: 1000 + index });
        const made: string[] = [];
        const take = (keyRow: Buffer, valueRow: Buffer): void => {
          made.push(keyRow.toString('latin1'), valueRow.toString('latin1'));
        };
        rows.encode(keyspace, key, record, take);
        made.push(`${rows.size} ${rows.highLane} ${rows.lowLane}`);
        rows.encodeLogged(read, take);
        made.push(`${rows.size} ${rows.highLane} ${rows.lowLane}`);
        expect(made.slice(3)).toEqual(made.slice(0, 3));
      }
      expect(start).toBe(body.length);
    }),
  );
});
