import type { Metadata } from '@edis/core';
import './buffer-methods.ts';
import type { CodecFault } from './entry-codec.ts';

/**
 * Metadata in the log and in the view: u16 count, then per field u16 name length, u32 value length, name, value
 * (UTF-8). The order is the writer's, so that equal records have equal bytes on every member.
 */
export function encodeMetadata(metadata: Metadata): Buffer {
  const buffer = Buffer.allocUnsafe(metadataSize(metadata));
  writeMetadata(buffer, 0, metadata);
  return buffer;
}

export function metadataSize(metadata: Metadata): number {
  let size = 2;
  for (const name of Object.keys(metadata)) size += 6 + textSize(name) + textSize(metadata[name] ?? '');
  return size;
}

/** Returns where it ends. */
export function writeMetadata(buffer: Buffer, start: number, metadata: Metadata): number {
  const names = Object.keys(metadata);
  let at = buffer.writeUInt16LE(names.length, start);
  for (const name of names) {
    const nameStart = at + 6;
    const valueStart = writeText(buffer, nameStart, name);
    const end = writeText(buffer, valueStart, metadata[name] ?? '');
    buffer.writeUInt16LE(valueStart - nameStart, at);
    buffer.writeUInt32LE(end - valueStart, at + 2);
    at = end;
  }
  return at;
}

/** Short texts are looked at here: for them a call into the runtime costs more than the loop. */
const shortLength = 32;

function textSize(text: string): number {
  const { length } = text;
  if (length > shortLength) return Buffer.byteLength(text);
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  }
  return length;
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > shortLength) return at + buffer.utf8Write(text, at);
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return at + buffer.utf8Write(text, at);
    buffer[at + index] = code;
  }
  return at + length;
}

export function decodeMetadata(bytes: Buffer, fault: CodecFault): Metadata {
  if (bytes.length < 2) throw fault('metadata is shorter than its count');
  const count = bytes.readUInt16LE(0);
  const fields: [string, string][] = [];
  let at = 2;
  for (let index = 0; index < count; index++) {
    if (bytes.length - at < 6) throw fault('metadata ends within a field');
    const nameEnd = at + 6 + bytes.readUInt16LE(at);
    const valueEnd = nameEnd + bytes.readUInt32LE(at + 2);
    if (valueEnd > bytes.length) throw fault('metadata ends within a field');
    fields.push([bytes.toString('utf8', at + 6, nameEnd), bytes.toString('utf8', nameEnd, valueEnd)]);
    at = valueEnd;
  }
  if (at !== bytes.length) throw fault(`${bytes.length - at} bytes follow the last field of metadata`);
  // fromEntries defines own fields, whatever their names: `__proto__` is a name like any other.
  return Object.freeze(Object.fromEntries(fields));
}
