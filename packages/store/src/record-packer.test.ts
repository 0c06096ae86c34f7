import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordPacker } from './record-packer.ts';
import { maxStringValueBytes } from './stored-record.ts';

const packer = new RecordPacker();
const plain = { metadata: undefined, expiresAtMs: 0 };

test('a plain record comes out as it went in', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.maxSafeNat(), (bytes, version) => {
      const record = { value: Buffer.from(bytes).toString('latin1'), version, ...plain };
      expect(packer.unpack(packer.pack(record) ?? '')).toEqual(record);
    }),
  );
});

test('records with more than a short value are not packed', () => {
  const record = { value: 'v', version: 1, ...plain };
  expect(packer.pack({ ...record, metadata: { a: 'b' } })).toBeUndefined();
  expect(packer.pack({ ...record, expiresAtMs: 5 })).toBeUndefined();
  expect(packer.pack({ ...record, value: 'v'.repeat(maxStringValueBytes + 1) })).toBeUndefined();
  expect(packer.pack({ ...record, value: new Uint8Array(1) })).toBeUndefined();
});
