import { EdisError } from '@edis/core';

/** An argument that is not UTF-8 reaches a program with this in place of its bytes: another key than was meant. */
const replacement = '\ufffd';

export function checkKeyText(text: string, what: string): void {
  if (!text.includes(replacement)) return;
  throw new EdisError(
    'usage',
    `${what} is not UTF-8 (it has a U+FFFD), and a command line has no other keys; mput, import and scan --json ` +
      'have them as {"base64":…}',
  );
}

/**
 * A key that may become a record's. A control character in it comes from a broken script or a slip at a terminal far
 * more often than from intent, and hardly anybody could type that key again; in JSON it is an escape, so deliberate.
 */
export function checkNewKeyText(text: string, what: string): void {
  checkKeyText(text, what);
  const found = /\p{Cc}/u.exec(text);
  if (found === null) return;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).padStart(4, '0');
  const position = Array.from(text.slice(0, found.index)).length + 1;
  throw new EdisError(
    'usage',
    `${what} has a control character, U+${code.toUpperCase()}, as character ${position}; if it is meant, write ` +
      `the record with mput, whose NDJSON on stdin has it as an escape: {"key":"…\\u${code}…","value":…}`,
  );
}
