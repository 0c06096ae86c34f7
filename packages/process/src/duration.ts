import { EdisError } from '@edis/core';

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Reads `500ms`, `30s`, `5m`, `2h`, `7d`. A bare number is refused: its unit would be a guess. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = unitMs.get(match?.[2] ?? '');
  if (match === null || unit === undefined) {
    throw new EdisError('usage', `'${text}' is not a duration; write for example 500ms, 30s, 5m, 2h or 7d`);
  }
  const milliseconds = Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(milliseconds)) throw new EdisError('usage', `the duration '${text}' is too long`);
  return milliseconds;
}

/** Writes a duration in the largest unit that keeps it whole, so that it reads back as the same number. */
export function formatDurationMs(milliseconds: number): string {
  let best = `${milliseconds}ms`;
  if (milliseconds === 0) return best;
  for (const [unit, size] of unitMs) {
    if (milliseconds % size === 0) best = `${milliseconds / size}${unit}`;
  }
  return best;
}
