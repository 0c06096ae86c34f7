/** How evenly something is spread over shards. */
export interface ShardBalance {
  readonly total: number;
  /** What each shard would have if all had the same. */
  readonly expected: number;
  /** Of the shards' parts from their mean; 0 is perfect. */
  readonly standardDeviation: number;
  /** Standard deviation over the mean, so that clusters of different size compare; 0 when there is nothing. */
  readonly coefficientOfVariation: number;
}

/** @param parts what each shard has: all of them, so the deviation is that of a population and not of a sample */
export function balanceOf(parts: readonly number[]): ShardBalance {
  const total = sumOf(parts);
  const expected = parts.length === 0 ? 0 : total / parts.length;
  const squares = sumOf(parts.map((part) => (part - expected) ** 2));
  const standardDeviation = parts.length === 0 ? 0 : Math.sqrt(squares / parts.length);
  const coefficientOfVariation = expected === 0 ? 0 : standardDeviation / expected;
  return { total, expected, standardDeviation, coefficientOfVariation };
}

/** What each shard has more (or less, when negative) than its part of the slots makes it expect. */
export function slotDeviations(parts: readonly number[], slots: readonly number[]): number[] {
  const total = sumOf(parts);
  const allSlots = sumOf(slots);
  return parts.map((part, index) => part - (allSlots === 0 ? 0 : (total * (slots[index] ?? 0)) / allSlots));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
