import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProtobufReader } from './protobuf-reader.ts';
import { ProtobufWriter, sint64FieldSize } from './protobuf-writer.ts';

const tag = 0x10;

function written(value: bigint): Buffer {
  const writer = new ProtobufWriter();
  writer.begin(sint64FieldSize(value));
  writer.sint64(tag, value);
  return writer.finish();
}

function read(bytes: Uint8Array): bigint {
  const reader = new ProtobufReader();
  reader.reset(Buffer.from(bytes));
  expect(reader.tag()).toBe(tag);
  const value = reader.sint64();
  expect(reader.position).toBe(bytes.length);
  return value;
}

const half = 2n ** 48n;
const sint64 = fc.oneof(
  fc.bigInt({ min: -200n, max: 200n }).filter((value) => value !== 0n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  // Both ends, and both sides of where the coding goes from one number to two.
  fc.constantFrom(
    -(2n ** 63n),
    1n - 2n ** 63n,
    2n ** 63n - 1n,
    half - 1n,
    half,
    half + 1n,
    -half + 1n,
    -half,
    -half - 1n,
  ),
);

it('64-bit integers are coded as another implementation of protobuf codes them, at both ends and in between', () => {
  fc.assert(
    fc.property(sint64, (value) => {
      if (value === 0n) return;
      const bytes = new BinaryWriter().tag(2, 0).sint64(value).finish();
      expect(written(value)).toEqual(Buffer.from(bytes));
      expect(read(bytes)).toBe(value);
      const reader = new BinaryReader(written(value));
      reader.tag();
      expect(BigInt(reader.sint64())).toBe(value);
    }),
    { numRuns: 2000 },
  );
});

it('a 64-bit integer that is 0 takes no bytes', () => {
  expect(written(0n)).toHaveLength(0);
});
