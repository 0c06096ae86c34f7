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

/** How many of all lookups the cache answered. */
export function showShare(part: number, rest: number): string {
  const all = part + rest;
  return all === 0 ? '–' : `${Math.round((100 * part) / all)} %`;
}
