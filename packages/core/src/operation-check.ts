import type { Bytes, Metadata } from './bytes.ts';
import { limits } from './limits.ts';
import type { InvalidCause, Operation } from './operation.ts';

export interface Fault {
  readonly cause: InvalidCause;
  readonly message: string;
}

/** What is wrong with the operation itself, apart from the keyspace; undefined: nothing. */
export function checkOperation(operation: Operation): Fault | undefined {
  if (operation.kind === 'malformed') {
    return { cause: 'malformed', message: 'the operation is none of put, delete, get' };
  }
  const keyFault = checkKey(operation.key);
  if (keyFault !== undefined || operation.kind !== 'put') return keyFault;
  return checkValue(operation.value) ?? checkMetadata(operation.metadata);
}

export function checkKey(key: Bytes): Fault | undefined {
  if (key.length === 0) return { cause: 'key-empty', message: 'the key is empty; a key has at least 1 byte' };
  if (key.length > limits.maxKeyBytes) {
    return {
      cause: 'key-too-large',
      message: `the key has ${key.length} bytes; a key has at most ${limits.maxKeyBytes} bytes`,
    };
  }
  return undefined;
}

export function checkValue(value: Bytes): Fault | undefined {
  if (value.length <= limits.maxValueBytes) return undefined;
  return {
    cause: 'value-too-large',
    message: `the value has ${value.length} bytes; a value has at most ${limits.maxValueBytes} bytes`,
  };
}

/** Counts UTF-8 bytes, as they travel and are stored. */
export function checkMetadata(metadata: Metadata | undefined): Fault | undefined {
  if (metadata === undefined) return undefined;
  const names = Object.keys(metadata);
  if (names.length > limits.maxMetadataFields) {
    return {
      cause: 'metadata-too-large',
      message: `the metadata has ${names.length} fields; at most ${limits.maxMetadataFields} are allowed`,
    };
  }
  let bytes = 0;
  for (const name of names) bytes += utf8Length(name) + utf8Length(metadata[name] ?? '');
  if (bytes <= limits.maxMetadataBytes) return undefined;
  return {
    cause: 'metadata-too-large',
    message: `the metadata has ${bytes} bytes; at most ${limits.maxMetadataBytes} are allowed`,
  };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00 && index + 1 < text.length) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}
