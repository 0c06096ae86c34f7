import { searchMatches, valueBytes } from './work.ts';

/** Letters and digits that no compression makes smaller than they look; the same for every target. */
export const plainValue = Array.from({ length: valueBytes }, (_, index) => ((index * 7919) % 36).toString(36)).join('');

export const keyOf = (index: number): string => `key:${index}`;

/** Records with metadata have keys of their own, so that a plain put has no index rows to remove. */
export const describedKeyOf = (index: number): string => `described:${index}`;

const stampLength = 16;

/** Milliseconds of a clock that all processes of this machine share. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A value that carries the moment at which it was written. */
export const stampedValue = (nowMs: number): string =>
  nowMs.toFixed(3).padStart(stampLength, '0') + plainValue.slice(stampLength);

/** The moment of a stamped value. */
export const stampOf = (value: Uint8Array): number =>
  Number(Buffer.from(value.buffer, value.byteOffset, Math.min(stampLength, value.byteLength)).toString('latin1'));

/**
 * Metadata of the loaded record with this index: `searchMatches` records have the same team, and each tier has a tenth
 * of a team.
 */
export function searchedMetadata(index: number, keys: number): { readonly team: string; readonly tier: string } {
  const teams = Math.max(1, Math.floor(keys / searchMatches));
  return { team: `team-${index % teams}`, tier: `tier-${Math.floor(index / teams) % 10}` };
}
