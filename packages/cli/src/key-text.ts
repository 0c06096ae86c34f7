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
