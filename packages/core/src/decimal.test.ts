import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Decimal } from './decimal.ts';
import {
  addDecimals,
  compareDecimals,
  decimalOfSmall,
  decimalToNumber,
  divideDecimal,
  multiplyDecimal,
  parseDecimal,
  parseSmallDecimal,
  printDecimal,
  zero,
} from './decimal.ts';

function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (parsed === undefined) throw new Error(`${text} is no decimal`);
  return parsed;
}

const texts = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc
    .tuple(
      fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
      fc.stringMatching(/^\d{1,20}$/),
      fc.integer({ min: -50, max: 50 }),
    )
    .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`),
);

test('a decimal is printed with all its digits, and equal numbers alike', () => {
  const printed = ['-12.50', '1e3', '+007', '0.000', '-0', '1.5e-3', '.5', '5.', '120e-1', '1E+2'].map((text) =>
    printDecimal(decimal(text)),
  );
  expect(printed).toEqual(['-12.5', '1000', '7', '0', '0', '0.0015', '0.5', '5', '12', '100']);
});

test('what is no number, or too long or too large, is no decimal', () => {
  const wrong = [
    '',
    ' ',
    '.',
    '-',
    '1 ',
    '0x10',
    '1e',
    'e1',
    '1.2.3',
    'NaN',
    'Infinity',
    '1_000',
    '١',
    '1e401',
    '1e-401',
    '2e308',
  ];
  for (const text of [...wrong, '1'.repeat(129)]) expect(parseDecimal(text), text).toBeUndefined();
  expect(parseDecimal('1'.repeat(128))).toBeDefined();
  expect(parseDecimal('1e-400')).toBeDefined();
});

test('printing and reading give the same number, and the nearest double', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const { digits, scale } = decimal(text);
      expect(decimalToNumber({ digits, scale })).toBe(Number(text) + 0);
      const printed = printDecimal({ digits, scale });
      if (printed.length <= 128) expect(decimal(printed)).toEqual({ digits, scale });
    }),
  );
});

test('sums do not depend on the order, and order is that of the numbers', () => {
  fc.assert(
    fc.property(texts.map(decimal), texts.map(decimal), texts.map(decimal), (left, middle, right) => {
      const sum = addDecimals(addDecimals(left, middle), right);
      expect(addDecimals(left, addDecimals(right, middle))).toEqual(sum);
      expect(addDecimals(sum, multiplyDecimal(sum, -1))).toEqual(zero);
      expect(Math.sign(compareDecimals(left, right))).toBe(-Math.sign(compareDecimals(right, left)));
      const [leftNumber, rightNumber] = [decimalToNumber(left), decimalToNumber(right)];
      if (leftNumber !== rightNumber) expect(compareDecimals(left, right)).toBe(leftNumber < rightNumber ? -1 : 1);
    }),
  );
});

test('a small decimal is the same number as the decimal', () => {
  const small = fc.stringMatching(/^-?\d{1,9}(\.\d{1,5})?$/);
  fc.assert(
    fc.property(small, (text) => {
      const parsed = parseSmallDecimal(text);
      expect(parsed === undefined ? undefined : decimalOfSmall(parsed)).toEqual(decimal(text));
    }),
  );
  for (const text of ['', '-', '.5', '5.', '1e3', 'x', '1.2.3', '1234567890123456']) {
    expect(parseSmallDecimal(text), text).toBeUndefined();
  }
});

test('a quotient is the double that is nearest', () => {
  expect(divideDecimal(decimal('1'), 3)).toBe(1 / 3);
  expect(divideDecimal(decimal('-0.3'), 3)).toBe(-0.1);
  expect(divideDecimal(decimal('1e300'), 7)).toBe(1e300 / 7);
  expect(divideDecimal(decimal('4e-324'), 2)).toBe(0);
  // Halfway between two doubles, and a little more.
  expect(divideDecimal(decimal('18014398509481986'), 2)).toBe(9007199254740992);
  expect(divideDecimal(decimal('18014398509481986.0000000000000000000000001'), 2)).toBe(9007199254740994);
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 1 }), (dividend, divisor) => {
      const exact = { digits: BigInt(dividend) * 10n ** 30n, scale: 30 };
      expect(divideDecimal(exact, divisor)).toBe(dividend / divisor + 0);
    }),
  );
});
