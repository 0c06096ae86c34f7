import { malformed } from './message-codec.ts';

/** Checks on what proto-loader decoded. Each throws EdisError 'protocol' that names the field. */

/** A 64-bit field; proto-loader rounds what is above 2^53 - 1. */
export function safeInteger(value: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw malformed(`${field} is ${value}, which is above 2^53 - 1`);
  return value;
}

export function present<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw malformed(`${field} is missing`);
  return value;
}

/** Looks an enum's name up; unspecified and unknown members (which arrive as numbers) are refused. */
export function member<T>(names: Readonly<Record<string, T>>, value: string | number, field: string): T {
  const found = typeof value === 'string' && Object.hasOwn(names, value) ? names[value] : undefined;
  if (found === undefined) throw malformed(`${field} has no meaning: ${value}`);
  return found;
}
