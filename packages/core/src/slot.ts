import type { ByteString } from './bytes.ts';
import { slotCount } from './limits.ts';

/**
 * Which slot a key belongs to: CRC-16/XMODEM modulo 16384, of the key's hash tag if it has one. This is Redis
 * Cluster's rule, so that keys which were laid out to share a slot there share one here. The rule is part of the
 * contract: clients and servers must agree on it for every key, also on the odd ones (`foo{}{bar}` has no tag and
 * hashes as a whole).
 */

const crc16Polynomial = 0x1021;

const crc16Table: Uint16Array = (() => {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ crc16Polynomial;
    table[byte] = crc & 0xffff;
  }
  return table;
})();

/** CRC-16/XMODEM of the bytes from `start` up to, not including, `end`. */
export function crc16(bytes: ByteString, start = 0, end: number = bytes.length): number {
  let crc = 0;
  for (let index = start; index < end; index++) {
    crc = ((crc << 8) & 0xffff) ^ (crc16Table[(crc >>> 8) ^ (bytes.charCodeAt(index) & 0xff)] ?? 0);
  }
  return crc;
}

/** Slot of a key, 0 – 16383. */
export function slotOf(key: ByteString): number {
  const open = key.indexOf('{');
  const close = endOfTag(key, open);
  return (close < 0 ? crc16(key) : crc16(key, open + 1, close)) % slotCount;
}

/** The part of a key that alone decides its slot; undefined: all of it does. */
export function hashTagOf(key: ByteString): ByteString | undefined {
  const open = key.indexOf('{');
  const close = endOfTag(key, open);
  return close < 0 ? undefined : key.slice(open + 1, close);
}

/** Where the tag that may begin at the brace at `open` ends; negative: there is none. Copies nothing: it is hot. */
function endOfTag(key: ByteString, open: number): number {
  if (open < 0) return -1;
  const close = key.indexOf('}', open + 1);
  // An empty tag would put all its keys into one slot, so it counts as none.
  return close > open + 1 ? close : -1;
}
