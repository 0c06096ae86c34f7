import { EdisError } from '@edis/core';

const unitBytes: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1000],
  ['MB', 1000 ** 2],
  ['GB', 1000 ** 3],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['TiB', 1024 ** 4],
]);

/** Reads `64MiB`, `1GiB`, `500MB`, `4096` (bytes). */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const unit = unitBytes.get(match?.[2] === '' ? 'B' : (match?.[2] ?? '?'));
  if (match === null || unit === undefined) {
    throw new EdisError('usage', `'${text}' is not a size; write for example 64MiB, 1GiB or 4096`);
  }
  const bytes = Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw new EdisError('usage', `the size '${text}' is too large`);
  return bytes;
}

const binaryUnits = ['TiB', 'GiB', 'MiB', 'KiB'] as const;

/** Writes a size in the largest binary unit that keeps it whole, so that it reads back as the same number. */
export function formatBytes(bytes: number): string {
  for (const unit of binaryUnits) {
    const size = unitBytes.get(unit) ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
