export interface BackoffLimits {
  /** Upper end of the first wait. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

/**
 * How long to wait before attempt number `attempt` (from 0) is repeated: anything up to an end that doubles with each
 * attempt ("full jitter"), so that many who failed together do not come back together.
 *
 * `random` is from 0 (inclusive) to 1 (exclusive).
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  // Beyond that many doublings every sensible limit is reached; it also keeps the power finite.
  const doublings = Math.min(Math.max(attempt, 0), 30);
  return random * Math.min(limits.maxMs, limits.baseMs * 2 ** doublings);
}
