import type { IndexKind } from './keyspace-settings.ts';

/**
 * How the values of an indexed field compare. The store orders index entries so, shards filter so, and clients merge
 * the answers of shards so: all three must agree.
 */

const numberSyntax = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * The double by which a field that is indexed as a number is ordered: `1.0` and `1` are the same. Undefined: the text
 * is no decimal number, or none that a double reaches; a record with it is not in the index of that field.
 */
export function indexNumber(text: string): number | undefined {
  if (!numberSyntax.test(text)) return undefined;
  // The sum turns -0 into 0.
  const value = Number(text) + 0;
  return Number.isFinite(value) ? value : undefined;
}

/** By the bytes of UTF-8, which is the order of code points. Negative, zero or positive. */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return codePointRank(leftUnit) - codePointRank(rightUnit);
  }
  return left.length - right.length;
}

/** Surrogates stand for the code points above all others, but lie below the last of the others. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** As the index orders values of that kind; what is no number comes last among numbers. */
export function compareIndexValues(kind: IndexKind, left: string, right: string): number {
  if (kind === 'text') return compareText(left, right);
  const leftNumber = indexNumber(left) ?? Number.POSITIVE_INFINITY;
  const rightNumber = indexNumber(right) ?? Number.POSITIVE_INFINITY;
  if (leftNumber === rightNumber) return 0;
  return leftNumber < rightNumber ? -1 : 1;
}
