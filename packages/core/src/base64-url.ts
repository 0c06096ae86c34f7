import { EdisError } from './error.ts';

/** Texts of tokens and cursors: safe in URLs, shells and file names, without padding. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Of ASCII text only; anything else could not be read back. */
export function encodeBase64Url(text: string): string {
  let encoded = '';
  let bits = 0;
  let bitCount = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) throw new EdisError('internal', 'what a token names is not ASCII');
    bits = (bits << 8) | code;
    bitCount += 8;
    while (bitCount >= 6) {
      bitCount -= 6;
      encoded += alphabet.charAt((bits >>> bitCount) & 0x3f);
    }
    bits &= (1 << bitCount) - 1;
  }
  return bitCount === 0 ? encoded : encoded + alphabet.charAt((bits << (6 - bitCount)) & 0x3f);
}

/** Undefined: it was cut off, or has characters that the encoding does not. */
export function decodeBase64Url(text: string): string | undefined {
  let decoded = '';
  let bits = 0;
  let bitCount = 0;
  for (const character of text) {
    const value = alphabet.indexOf(character);
    if (value < 0) return undefined;
    bits = (bits << 6) | value;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    decoded += String.fromCharCode(bits >>> bitCount);
    bits &= (1 << bitCount) - 1;
  }
  // What is left over is padding; anything else was cut off or changed.
  return bits !== 0 || bitCount >= 6 ? undefined : decoded;
}
