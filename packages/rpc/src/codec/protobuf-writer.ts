import './buffer-methods.ts';
import type { Bytes } from '@edis/core';

/**
 * Writes protobuf fields into one buffer whose size was computed beforehand. The `…Size` functions and the writer's
 * methods come in pairs and must agree; the codecs' property tests prove that they do.
 *
 * Assumes integers up to 2^53 - 1. What is below zero is written as zero: a clock that stepped back must not break
 * the frame.
 */

/** Copying so few characters one by one is cheaper than a call out of JavaScript. */
const shortLength = 32;
const emptyBuffer = Buffer.alloc(0);

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** A varint field with a one-byte tag; nothing when it has its default. Not a number counts as the default, too. */
export function numberFieldSize(value: number): number {
  return value > 0 ? 1 + varintSize(value) : 0;
}

/** Zigzag numbers below this one have at most 7 bytes of varint and are exact as numbers. */
const zigzagHalf = 2 ** 49;
const zigzagHalfBits = 49n;
const zigzagHalfMask = 2n ** 49n - 1n;

/** The varint of a 64-bit integer in zigzag: its lower 49 bits, and what is above them. */
function zigzag(value: bigint): { readonly low: number; readonly high: number } {
  const near = Number(value);
  if (near < zigzagHalf / 2 && near >= -zigzagHalf / 2) return { low: near < 0 ? -2 * near - 1 : 2 * near, high: 0 };
  const unsigned = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  return { low: Number(unsigned & zigzagHalfMask), high: Number(unsigned >> zigzagHalfBits) };
}

/** A sint64 field with a one-byte tag; nothing when it is 0. */
export function sint64FieldSize(value: bigint): number {
  if (value === 0n) return 0;
  const { low, high } = zigzag(value);
  return high === 0 ? 1 + varintSize(low) : 8 + varintSize(high);
}

/** A length-delimited field with a one-byte tag. */
export function lengthFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** A text field with a one-byte tag; nothing when it is empty. */
export function textFieldSize(text: string): number {
  return text.length === 0 ? 0 : lengthFieldSize(Buffer.byteLength(text));
}

export class ProtobufWriter {
  position = 0;
  #buffer: Buffer = emptyBuffer;

  begin(size: number): void {
    this.#buffer = Buffer.allocUnsafe(size);
    this.position = 0;
  }

  /** What was written; the sizes must have been right. */
  finish(): Buffer {
    const buffer = this.#buffer;
    this.#buffer = emptyBuffer;
    return buffer;
  }

  varint(value: number): void {
    const buffer = this.#buffer;
    let position = this.position;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      buffer[position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    this.position = position;
  }

  /** Nothing when the value is the default. */
  number(tag: number, value: number): void {
    if (!(value > 0)) return;
    this.#buffer[this.position++] = tag;
    this.varint(value);
  }

  /** Also when the value is the default: a member of a oneof. */
  presentNumber(tag: number, value: number): void {
    this.#buffer[this.position++] = tag;
    this.varint(value);
  }

  /** A 64-bit integer in zigzag; nothing when it is 0. */
  sint64(tag: number, value: bigint): void {
    if (value === 0n) return;
    const { low, high } = zigzag(value);
    const buffer = this.#buffer;
    buffer[this.position++] = tag;
    let rest = low;
    if (high > 0) {
      for (let count = 0; count < 7; count++) {
        buffer[this.position++] = (rest % 128) | 0x80;
        rest = Math.floor(rest / 128);
      }
      rest = high;
    }
    this.varint(rest);
  }

  /** Tag and length of what follows. */
  lengthPrefix(tag: number, length: number): void {
    this.#buffer[this.position++] = tag;
    this.varint(length);
  }

  /** Tag of a message that will have less than 128 bytes; returns what `endShort` wants. */
  beginShort(tag: number): number {
    this.#buffer[this.position++] = tag;
    return this.position++;
  }

  /** The length of what was written since. */
  endShort(lengthAt: number): void {
    this.#buffer[lengthAt] = this.position - lengthAt - 1;
  }

  /** Tag and length of what follows, with a tag of two bytes: field numbers from 16 on. */
  wideLengthPrefix(tag: number, length: number): void {
    this.varint(tag);
    this.varint(length);
  }

  fixed32(value: number): void {
    this.position = this.#buffer.writeUInt32LE(value >>> 0, this.position);
  }

  /** Nothing when it is empty. */
  text(tag: number, text: string): void {
    if (text.length === 0) return;
    this.presentText(tag, text);
  }

  presentText(tag: number, text: string): void {
    const start = this.position;
    if (text.length <= shortLength && this.#ascii(tag, text)) return;
    this.position = start;
    this.lengthPrefix(tag, Buffer.byteLength(text));
    this.position += this.#buffer.utf8Write(text, this.position);
  }

  /** A short text; false when it is not ASCII, and what was written is to be written over. */
  #ascii(tag: number, text: string): boolean {
    const { length } = text;
    this.lengthPrefix(tag, length);
    const buffer = this.#buffer;
    const position = this.position;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[position + index] = code;
    }
    this.position = position + length;
    return true;
  }

  bytes(tag: number, bytes: Bytes): void {
    const length = bytes.length;
    this.lengthPrefix(tag, length);
    if (typeof bytes === 'string') this.#latin1(bytes, length);
    else this.#buffer.set(bytes, this.position);
    this.position += length;
  }

  #latin1(text: string, length: number): void {
    const buffer = this.#buffer;
    const position = this.position;
    if (length > shortLength) {
      buffer.latin1Write(text, position);
      return;
    }
    for (let index = 0; index < length; index++) buffer[position + index] = text.charCodeAt(index);
  }
}
