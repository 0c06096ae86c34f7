import './buffer-methods.ts';
import type { ByteString, Bytes } from '@edis/core';
import type { KnownNames } from './known-names.ts';
import { malformed } from './message-codec.ts';

/**
 * Reads protobuf fields off one message without making objects of its own.
 *
 * Guarantees: never reads outside the message, never loops without progress, throws EdisError 'protocol' and nothing
 * else. A nested message is read by narrowing `limit` to its end (`enter`, `leave`), so that no field can reach over
 * it. Integers above 2^53 - 1 are refused: the contract says that there are none.
 */

/** Where a view on the message begins to be cheaper than a copy as a string. */
const maxShortBytes = 4096;

/** Deeper groups are only sent to exhaust the stack; no message of ours has one. */
const maxGroupDepth = 16;
const emptyMessage = Buffer.alloc(0);

/** Bits of a sint64 that seven bytes of varint carry; the rest of them is `high`. */
const zigzagHalfBits = 49n;
/** What the rest may be at most: 15 bits. */
const maxZigzagHigh = 0x7fff;

function fromZigzag(low: number, high: number): bigint {
  if (high === 0) return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2);
  if (high > maxZigzagHigh) throw malformed('an integer that does not fit into 64 bits');
  const unsigned = BigInt(low) + (BigInt(high) << zigzagHalfBits);
  return (unsigned >> 1n) ^ -(unsigned & 1n);
}

export class ProtobufReader {
  position = 0;
  limit = 0;
  #bytes: Buffer = emptyMessage;

  reset(bytes: Buffer): void {
    this.#bytes = bytes;
    this.position = 0;
    this.limit = bytes.length;
  }

  /** Lets go of the message, which would otherwise live until the next one. */
  release(): void {
    this.#bytes = emptyMessage;
    this.position = 0;
    this.limit = 0;
  }

  varint(): number {
    const bytes = this.#bytes;
    const position = this.position;
    const limit = this.limit;
    if (position < limit) {
      const first = bytes[position] ?? 0;
      if (first < 0x80) {
        this.position = position + 1;
        return first;
      }
      if (position + 1 < limit) {
        const second = bytes[position + 1] ?? 0;
        if (second < 0x80) {
          this.position = position + 2;
          return (first & 0x7f) | (second << 7);
        }
      }
    }
    return this.#longVarint();
  }

  uint32(): number {
    const value = this.varint();
    if (value > 0xffff_ffff) throw malformed(`${value} does not fit into 32 bits`);
    return value;
  }

  /** Any varint that is not 0 means true. */
  bool(): boolean {
    const start = this.position;
    this.#skipVarint();
    const bytes = this.#bytes;
    for (let at = start; at < this.position; at++) {
      if (((bytes[at] ?? 0) & 0x7f) !== 0) return true;
    }
    return false;
  }

  /** A 64-bit integer in zigzag. */
  sint64(): bigint {
    let low = 0;
    let high = 0;
    let weight = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.#take(1)] ?? 0;
      if (count === 7) weight = 1;
      if (count < 7) low += (byte & 0x7f) * weight;
      else high += (byte & 0x7f) * weight;
      if (byte < 0x80) return fromZigzag(low, high);
      weight *= 128;
    }
    throw malformed('a varint longer than 10 bytes');
  }

  /** A whole tag: field number and wire type. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw malformed(`field tag ${tag}`);
    return tag;
  }

  fixed32(): number {
    const start = this.#take(4);
    return this.#bytes.readUInt32LE(start);
  }

  /** Reads a length and narrows the reader to that many bytes; returns the limit to give back to `leave`. */
  enter(): number {
    const length = this.varint();
    const outer = this.limit;
    if (length > outer - this.position) throw malformed('a length reaches over the end of its message');
    this.limit = this.position + length;
    return outer;
  }

  leave(outer: number): void {
    this.position = this.limit;
    this.limit = outer;
  }

  /** A view on the message's own bytes, not a copy. */
  bytes(): Buffer {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /**
   * Bytes as a byte string where they are few: it is cheaper than a view, and does not keep the whole message alive as
   * long as one of its values.
   */
  shortBytes(): Bytes {
    const length = this.varint();
    const start = this.#take(length);
    const bytes = this.#bytes;
    return length <= maxShortBytes ? bytes.latin1Slice(start, start + length) : bytes.subarray(start, start + length);
  }

  latin1(): ByteString {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.latin1Slice(start, start + length);
  }

  utf8(): string {
    const length = this.varint();
    const start = this.#take(length);
    return this.#bytes.utf8Slice(start, start + length);
  }

  /** A text of which there are few different ones. */
  knownName(names: KnownNames): string {
    const length = this.varint();
    const start = this.#take(length);
    return names.read(this.#bytes, start, start + length);
  }

  /** Passes over a field that the reader does not know. */
  skip(tag: number): void {
    this.#skipField(tag, 0);
  }

  #skipField(tag: number, depth: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.varint());
        return;
      case 3:
        this.#skipGroup(tag, depth + 1);
        return;
      case 5:
        this.#take(4);
        return;
      default:
        throw malformed(`wire type ${tag & 7}`);
    }
  }

  #skipGroup(openingTag: number, depth: number): void {
    if (depth > maxGroupDepth) throw malformed(`groups nested deeper than ${maxGroupDepth}`);
    const closingTag = openingTag + 1;
    for (;;) {
      const tag = this.tag();
      if (tag === closingTag) return;
      this.#skipField(tag, depth);
    }
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      const start = this.#take(1);
      if ((this.#bytes[start] ?? 0) < 0x80) return;
    }
    throw malformed('a varint longer than 10 bytes');
  }

  #longVarint(): number {
    let value = 0;
    let weight = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.#take(1)] ?? 0;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw malformed('an integer above 2^53 - 1');
        return value;
      }
      weight *= 128;
    }
    throw malformed('a varint longer than 10 bytes');
  }

  /** Moves over `length` bytes and returns where they begin. */
  #take(length: number): number {
    const start = this.position;
    if (length > this.limit - start) throw malformed('a field reaches over the end of its message');
    this.position = start + length;
    return start;
  }
}
