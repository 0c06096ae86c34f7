import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8Length } from './utf8-length.ts';

test('the length of a text is that of its bytes, half pairs included', () => {
  const anyUnits = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) });
  const halves = fc.string({ unit: fc.constantFrom('a', '\ud800', '\udbff', '\udc00', '\udfff', 'ä', '€') });
  fc.assert(
    fc.property(fc.oneof(anyUnits, halves, fc.string({ unit: 'binary' })), (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
    }),
    { numRuns: 300 },
  );
});
