import type { Metadata } from '@edis/core';
import type { CodecFault } from './entry-codec.ts';

/**
 * Metadata in the log and in the view: u16 count, then per field u16 name length, u32 value length, name, value
 * (UTF-8). The order is the writer's, so that equal records have equal bytes on every member.
 */
export function encodeMetadata(metadata: Metadata): Buffer {
  const names = Object.keys(metadata);
  const parts: { name: string; value: string; nameBytes: number; valueBytes: number }[] = [];
  let size = 2;
  for (const name of names) {
    const value = metadata[name] ?? '';
    const nameBytes = Buffer.byteLength(name);
    const valueBytes = Buffer.byteLength(value);
    parts.push({ name, value, nameBytes, valueBytes });
    size += 6 + nameBytes + valueBytes;
  }
  const buffer = Buffer.allocUnsafe(size);
  let at = buffer.writeUInt16LE(names.length, 0);
  for (const { name, value, nameBytes, valueBytes } of parts) {
    at = buffer.writeUInt16LE(nameBytes, at);
    at = buffer.writeUInt32LE(valueBytes, at);
    at += buffer.write(name, at, nameBytes, 'utf8');
    at += buffer.write(value, at, valueBytes, 'utf8');
  }
  return buffer;
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
