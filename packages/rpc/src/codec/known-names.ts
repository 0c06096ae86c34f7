import './buffer-methods.ts';

/** A power of two. */
const slotCount = 256;
const maxNameBytes = 32;

/**
 * Names of metadata fields that came before, found by their bytes: the records of an application have the same few.
 *
 * A name that V8 has seen as a name before also becomes a property in a third of the time. Bounded, whatever the names
 * are: each takes the place of another.
 */
export class KnownNames {
  readonly #names: string[] = Array.from({ length: slotCount }, () => '');

  /** The text of these bytes of UTF-8. */
  read(bytes: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length > maxNameBytes) return bytes.utf8Slice(start, end);
    let hash = length;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    const slot = hash & (slotCount - 1);
    const known = this.#names[slot] ?? '';
    if (known.length === length && isSpelledBy(known, bytes, start)) return known;
    const name = bytes.utf8Slice(start, end);
    // As many characters as bytes: each is ASCII, or stands for a byte that is no UTF-8, which no byte is equal to.
    if (name.length === length) this.#names[slot] = name;
    return name;
  }
}

function isSpelledBy(name: string, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}
