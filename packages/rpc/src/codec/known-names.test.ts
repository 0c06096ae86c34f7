import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KnownNames } from './known-names.ts';

// Few different bytes, so that names come again and the places of the table are fought for; also bytes that are no
// UTF-8.
const spelling = fc.oneof(
  fc.uint8Array({ maxLength: 3 }),
  fc.array(fc.constantFrom(...Buffer.from('ab-é\u{fffd}')), { maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
  fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => new TextEncoder().encode(text)),
);

it('whatever names came before, bytes are read as the text that they spell', () => {
  fc.assert(
    fc.property(fc.array(spelling, { maxLength: 300 }), fc.nat({ max: 5 }), (spellings, before) => {
      const names = new KnownNames();
      for (const bytes of [...spellings, ...spellings]) {
        const message = Buffer.concat([Buffer.alloc(before, 0x61), bytes, Buffer.alloc(3, 0x62)]);
        expect(names.read(message, before, before + bytes.length)).toBe(Buffer.from(bytes).toString('utf8'));
      }
    }),
  );
});

it('a name that came before does not change with the message that it came in', () => {
  const names = new KnownNames();
  const message = Buffer.from('tier');
  names.read(message, 0, message.length);
  message.fill(0x61);
  expect(names.read(Buffer.from('tier'), 0, 4)).toBe('tier');
});
