/** Numbers as people read them in tables; JSON has them whole. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export function showCount(count: number): string {
  return count.toLocaleString('en-US').replaceAll(',', ' ');
}

/** A part of 0 – 1, as 33.3 %. */
export function showPercent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** Microseconds; 0: nothing was measured yet. */
export function showLatency(microseconds: number): string {
  if (microseconds === 0) return '–';
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  const milliseconds = microseconds / 1000;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** How many of all lookups the cache answered. */
export function showShare(part: number, rest: number): string {
  const all = part + rest;
  return all === 0 ? '–' : `${Math.round((100 * part) / all)} %`;
}
