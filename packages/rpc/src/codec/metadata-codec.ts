import type { Metadata } from '@edis/core';
import { utf8Length } from '@edis/core';
import { KnownNames } from './known-names.ts';
import { malformed } from './message-codec.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { lengthFieldSize } from './protobuf-writer.ts';

/** Far above the limit on fields, which the shard judges; only keeps a hostile message from filling memory. */
const maxDecodedFields = 4096;

const keyTag = 0x0a;
const valueTag = 0x12;
/** An entry of so many characters has less than 128 bytes: three for each, and four for tags and lengths. */
const shortEntryLength = 41;

function entrySize(name: string, value: string): number {
  return lengthFieldSize(utf8Length(name)) + lengthFieldSize(utf8Length(value));
}

/** Bytes that all entries of a map<string, string> field with a one-byte tag take. */
export function metadataSize(metadata: Metadata | undefined): number {
  if (metadata === undefined) return 0;
  let size = 0;
  for (const name of Object.keys(metadata)) size += lengthFieldSize(entrySize(name, metadata[name] ?? ''));
  return size;
}

export function writeMetadata(writer: ProtobufWriter, tag: number, metadata: Metadata | undefined): void {
  if (metadata === undefined) return;
  for (const name of Object.keys(metadata)) {
    const value = metadata[name] ?? '';
    if (name.length + value.length <= shortEntryLength) {
      const lengthAt = writer.beginShort(tag);
      writeTexts(writer, name, value);
      writer.endShort(lengthAt);
    } else {
      writer.lengthPrefix(tag, entrySize(name, value));
      writeTexts(writer, name, value);
    }
  }
}

function writeTexts(writer: ProtobufWriter, name: string, value: string): void {
  writer.presentText(keyTag, name);
  writer.presentText(valueTag, value);
}

/** Collects the entries of one map field; they may come anywhere among the other fields. */
export class MetadataReader {
  #fields: Record<string, string> | undefined = undefined;
  #count = 0;
  readonly #names = new KnownNames();

  reset(): void {
    this.#fields = undefined;
    this.#count = 0;
  }

  get value(): Metadata | undefined {
    return this.#fields;
  }

  readEntry(reader: ProtobufReader): void {
    if (++this.#count > maxDecodedFields) throw malformed(`more than ${maxDecodedFields} metadata fields`);
    const outer = reader.enter();
    let name = '';
    let value = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === keyTag) name = reader.knownName(this.#names);
      else if (tag === valueTag) value = reader.utf8();
      else reader.skip(tag);
    }
    reader.leave(outer);
    this.#fields ??= {};
    // An assignment to this one name would set the prototype instead of a field.
    if (name === '__proto__') {
      Object.defineProperty(this.#fields, name, { value, enumerable: true, configurable: true, writable: true });
    } else this.#fields[name] = value;
  }
}
