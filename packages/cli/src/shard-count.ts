import { showCount } from './figure.ts';

/** Numbers by shard, s2 before s10. */
export function countByShard(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries(
    [...counts].toSorted(([left], [right]) => left.localeCompare(right, 'en', { numeric: true })),
  );
}

/** ` (s1: 2, s3: 1)`; nothing without any. */
export function showSpread(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([shard, count]) => `${shard}: ${showCount(count)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
