/**
 * Decimal numbers without rounding, as metadata spells them: `-12.50`, `1e3`.
 *
 * Guarantees: sums do not depend on the order in which numbers are added, so that several shards may add up their
 * parts. Every number is bounded in length and size, so that one record cannot make a sum of a million digits.
 */

/** Characters of a number: more than any number that is measured or counted needs. */
const maxDecimalLength = 128;

/** Of `1e400`, either way: beyond what a double can hold, so that every double may be written. */
const maxDecimalExponent = 400;

/** A decimal is `digits` × 10^-`scale`; the last digit of a fraction is not 0, so that equal numbers are alike. */
export interface Decimal {
  readonly digits: bigint;
  /** From 0. */
  readonly scale: number;
}

/** A decimal of at most 15 digits, for which arithmetic with numbers is exact. Not brought to its shortest form. */
export interface SmallDecimal {
  readonly units: number;
  /** From 0. */
  readonly scale: number;
}

export const zero: Decimal = Object.freeze({ digits: 0n, scale: 0 });

const syntax = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** Undefined: the text is no decimal number, or one that is too long or too large for a double. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > maxDecimalLength) return undefined;
  const match = syntax.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > maxDecimalExponent || !Number.isFinite(Number(text))) return undefined;
  const magnitude = BigInt(`${whole}${fraction}`);
  const digits = sign === '-' ? -magnitude : magnitude;
  const scale = fraction.length - exponent;
  return scale < 0 ? { digits: digits * powerOfTen(-scale), scale: 0 } : shortest(digits, scale);
}

/** What most numbers are, read without a bigint; undefined: parseDecimal says what it is. */
export function parseSmallDecimal(text: string): SmallDecimal | undefined {
  const negative = text.charCodeAt(0) === 0x2d;
  const start = negative ? 1 : 0;
  if (text.length === start || text.length - start > 15) return undefined;
  let units = 0;
  let point = -1;
  for (let index = start; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x30 && code <= 0x39) units = units * 10 + (code - 0x30);
    else if (code === 0x2e && point < 0 && index > start && index < text.length - 1) point = index;
    else return undefined;
  }
  return { units: negative ? -units : units, scale: point < 0 ? 0 : text.length - 1 - point };
}

export function addDecimals(left: Decimal, right: Decimal): Decimal {
  const scale = Math.max(left.scale, right.scale);
  return shortest(digitsAt(left, scale) + digitsAt(right, scale), scale);
}

/** Negative, zero or positive as `left` is less than, equal to or greater than `right`. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  const scale = Math.max(left.scale, right.scale);
  const leftDigits = digitsAt(left, scale);
  const rightDigits = digitsAt(right, scale);
  if (leftDigits === rightDigits) return 0;
  return leftDigits < rightDigits ? -1 : 1;
}

/** @param factor a whole number */
export function multiplyDecimal(decimal: Decimal, factor: number): Decimal {
  return shortest(decimal.digits * BigInt(factor), decimal.scale);
}

export function decimalOfSmall({ units, scale }: SmallDecimal): Decimal {
  return shortest(BigInt(units), scale);
}

/** All digits, without an exponent; equal numbers give the same text. */
export function printDecimal({ digits, scale }: Decimal): string {
  if (scale === 0) return digits.toString();
  const negative = digits < 0n;
  const text = (negative ? -digits : digits).toString().padStart(scale + 1, '0');
  const point = text.length - scale;
  return `${negative ? '-' : ''}${text.slice(0, point)}.${text.slice(point)}`;
}

/** The double that is nearest. */
export function decimalToNumber(decimal: Decimal): number {
  return Number(printDecimal(decimal)) + 0;
}

/**
 * Halfway between two doubles lies a number of at most 768 significant digits; with more than that, and a sign that
 * there is a rest, the quotient is rounded as the exact one would be.
 */
const quotientDigits = 800;

/** The double that is nearest to the quotient. @param divisor a whole number above 0 */
export function divideDecimal(decimal: Decimal, divisor: number): number {
  const { digits, scale } = decimal;
  const numerator = Number(digits);
  const denominator = scale > 15 ? Number.POSITIVE_INFINITY : divisor * 10 ** scale;
  if (Number.isSafeInteger(numerator) && Number.isSafeInteger(denominator)) return numerator / denominator;
  const magnitude = digits < 0n ? -digits : digits;
  const divisorDigits = BigInt(divisor);
  const shift = Math.max(0, quotientDigits + divisorDigits.toString().length - magnitude.toString().length);
  const shifted = magnitude * powerOfTen(shift);
  const rest = shifted % divisorDigits === 0n ? '' : '1';
  const text = `${shifted / divisorDigits}${rest}e${-(scale + shift + rest.length)}`;
  return digits < 0n ? -Number(text) : Number(text);
}

/** Brings a decimal to its shortest form. */
function shortest(digits: bigint, scale: number): Decimal {
  if (digits === 0n) return zero;
  let shorter = digits;
  let shorterScale = scale;
  while (shorterScale > 0 && shorter % 10n === 0n) {
    shorter /= 10n;
    shorterScale -= 1;
  }
  return { digits: shorter, scale: shorterScale };
}

function digitsAt(decimal: Decimal, scale: number): bigint {
  return scale === decimal.scale ? decimal.digits : decimal.digits * powerOfTen(scale - decimal.scale);
}

function powerOfTen(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}
