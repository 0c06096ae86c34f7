import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slotCount } from './limits.ts';
import { crc16, hashTagOf, slotOf } from './slot.ts';

test('the checksum is CRC-16/XMODEM', () => {
  expect(crc16('123456789')).toBe(0x31c3);
  expect(crc16('')).toBe(0);
});

test.each([
  ['foo', 12182],
  ['bar', 5061],
  ['hello', 866],
  ['123456789', 12739],
])('the slot of %s is %i, as in Redis', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test('keys with the same hash tag share a slot', () => {
  expect(slotOf('{user1000}.following')).toBe(3443);
  expect(slotOf('{user1000}.followers')).toBe(3443);
  expect(slotOf('user1000')).toBe(3443);
});

test('the tag is what stands between the first { and the first } after it', () => {
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
  expect(slotOf('}foo{bar}')).toBe(slotOf('bar'));
});

test('an empty or open tag is none: the whole key counts', () => {
  expect(slotOf('foo{}{bar}')).toBe(8363);
  expect(slotOf('foo{bar')).toBe(crc16('foo{bar') % 16384);
  expect(slotOf('foo}bar{')).toBe(crc16('foo}bar{') % 16384);
});

test.each([
  ['foo{{bar}}zap', '{bar'],
  ['foo{bar}{zap}', 'bar'],
  ['}foo{bar}', 'bar'],
  ['foo{}{bar}', undefined],
  ['foo{bar', undefined],
  ['foo}bar{', undefined],
  ['foo', undefined],
])('the tag of %s is %s', (key, tag) => {
  expect(hashTagOf(key)).toBe(tag);
});

test('the slot of a key is that of its tag alone, or of the whole key', () => {
  const key = fc.string({ unit: fc.constantFrom('{', '}', 'a', '\u00ff'), maxLength: 8 });
  fc.assert(
    fc.property(key, (bytes) => {
      expect(slotOf(bytes)).toBe(crc16(hashTagOf(bytes) ?? bytes) % slotCount);
      // Redis's rule as a pattern.
      expect(hashTagOf(bytes)).toBe(/^[^{]*\{([^}]+)\}/.exec(bytes)?.[1]);
    }),
  );
});

test('bytes above 127 count as they are', () => {
  // The Euro sign in UTF-8.
  expect(crc16('\u00e2\u0082\u00ac')).toBe(bitwiseCrc16([0xe2, 0x82, 0xac]));
  expect(slotOf('\u0000\u00ff')).toBe(bitwiseCrc16([0, 0xff]) % 16384);
});

test('the table agrees with the definition bit by bit', () => {
  for (let length = 0; length < 64; length++) {
    const bytes = Array.from({ length }, (_, index) => (index * 37 + length * 101) & 0xff);
    expect(crc16(String.fromCharCode(...bytes))).toBe(bitwiseCrc16(bytes));
  }
});

function bitwiseCrc16(bytes: readonly number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((crc >> 15) ^ (byte >> bit)) & 1;
      crc = (crc << 1) & 0xffff;
      if (carry === 1) crc ^= 0x1021;
    }
  }
  return crc;
}
