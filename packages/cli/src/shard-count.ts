/** Numbers by shard, s2 before s10. */
export function countByShard(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries(
    [...counts].toSorted(([left], [right]) => left.localeCompare(right, 'en', { numeric: true })),
  );
}

/** `s1: 2, s3: 1` */
export function showSpread(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([shard, count]) => `${shard}: ${count}`)
    .join(', ');
}
