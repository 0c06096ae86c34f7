import type { Key } from '@edis/client';

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as JSON shows them: text when they are UTF-8, else `{"base64": …}`. */
export type JsonBytes = string | { readonly base64: string };

/** Undefined: not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function toJsonBytes(bytes: Key): JsonBytes {
  if (typeof bytes === 'string') return bytes;
  return decodeText(bytes) ?? { base64: Buffer.from(bytes).toString('base64') };
}

/** Undefined: neither text nor `{"base64": …}`. */
export function fromJsonBytes(value: unknown): Key | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('base64' in value)) return undefined;
  const { base64 } = value;
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  return Buffer.from(base64, 'base64');
}
