const collator = new Intl.Collator('en', { numeric: true });

/** s2 before s10; info has shards in the order in which they came. */
export function sortByShard<Row extends { readonly shard: string }>(rows: readonly Row[]): Row[] {
  return rows.toSorted((left, right) => collator.compare(left.shard, right.shard));
}
