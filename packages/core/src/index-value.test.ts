import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareIndexValues, compareText, indexNumber } from './index-value.ts';

/** The code points, which are in the order of their UTF-8 bytes. */
function points(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

function comparePoints(left: number[], right: number[]): number {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

test('texts are ordered as their UTF-8 bytes are', () => {
  const text = fc.string({
    unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\uffff', '\u{1f600}', '\ud7ff')),
  });
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(Math.sign(compareText(left, right))).toBe(Math.sign(comparePoints(points(left), points(right))));
    }),
  );
  expect(compareText('\uffff', '\u{1f600}')).toBeLessThan(0);
});

test('numbers are ordered as numbers, and what is none comes last', () => {
  const sorted = ['x', '10', '9', '-1', '1e1', '0.5'].sort((left, right) => compareIndexValues('number', left, right));
  expect(sorted).toEqual(['-1', '0.5', '9', '10', '1e1', 'x']);
  expect(compareIndexValues('text', '10', '9')).toBeLessThan(0);
  expect(Object.is(indexNumber('-0'), 0)).toBe(true);
  for (const text of ['', ' 1', '0x1', '1e999', 'NaN', '.']) expect(indexNumber(text), text).toBeUndefined();
});
