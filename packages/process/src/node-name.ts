import { randomInt } from 'node:crypto';

const letters = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A name for a process that was given none: its role and six random characters. The caller keeps it with the data. */
export function makeNodeName(role: string): string {
  let suffix = '';
  for (let index = 0; index < 6; index++) suffix += letters.charAt(randomInt(letters.length));
  return `${role}-${suffix}`;
}
