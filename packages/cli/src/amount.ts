/** Amounts of the command line: durations, sizes and whole numbers. Each error names the option and an example. */
import { EdisError, limits } from '@edis/core';

/** Longest deadline and staleness: the client's own limit. */
export const maxTimeoutMs = 3_600_000;

/** A duration of at least a millisecond. */
export async function durationMs(name: string, text: string, maxMs: number): Promise<number> {
  const { formatDurationMs, parseDurationMs } = await import('@edis/process');
  // Of zero the unit is no guess, so what is wrong with it is the bound.
  const value = /^0+(?:\.0+)?$/.test(text) ? 0 : named(name, () => parseDurationMs(text));
  if (value >= 1 && value <= maxMs) return value;
  throw new EdisError('usage', `${name} is ${text}; it must be from 1ms to ${formatDurationMs(maxMs)}`);
}

/** How long a record lives; `never` where a keyspace's default is to be overruled. */
export async function ttlMs(name: string, text: string | undefined): Promise<number | 'never' | undefined> {
  if (text === undefined || text === 'never') return text;
  return durationMs(name, text, limits.maxTtlMs);
}

export async function sizeBytes(name: string, text: string, maxBytes: number): Promise<number> {
  const { formatBytes, parseBytes } = await import('@edis/process');
  const value = named(name, () => parseBytes(text));
  if (value >= 1 && value <= maxBytes) return value;
  throw new EdisError('usage', `${name} is ${text}; it must be from 1B to ${formatBytes(maxBytes)}`);
}

/** A 64-bit integer; the sum itself is checked by the shard. */
export function parseInt64(name: string, text: string): bigint {
  if (/^[+-]?\d{1,19}$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''));
    if (BigInt.asIntN(64, value) === value) return value;
  }
  throw new EdisError('usage', `${name} is '${text}'; it must be a whole number of 64 bits, for example 5 or -5`);
}

function named(name: string, parse: () => number): number {
  try {
    return parse();
  } catch (error) {
    throw new EdisError('usage', `${name}: ${EdisError.from(error).message}`, { cause: error });
  }
}
