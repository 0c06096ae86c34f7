/**
 * Text that cannot act on a terminal.
 *
 * A key is whatever its writer wanted it to be. Printed as it is, an escape sequence in it could move the cursor,
 * change the window's title or hide what stands beside it, and a newline would make two keys of one. So lines for
 * people show control characters, and the marks that turn the direction of writing, as escapes; JSON has them exactly.
 */

const acting = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const actingButLayout = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
]);

/** One line, whatever is in it. */
export function printableLine(text: string): string {
  return text.replace(acting, escapeCharacter);
}

/** Lines and tabs stay what they are. */
export function printableText(text: string): string {
  return text.replace(actingButLayout, escapeCharacter);
}

/** Bytes that are not UTF-8: what is ASCII as such, the rest as `\xff`. */
export function printableBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : hex(byte);
  return printableLine(text);
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return shortEscapes.get(character) ?? (code < 0x100 ? hex(code) : `\\u${code.toString(16).padStart(4, '0')}`);
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
