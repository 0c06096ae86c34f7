/** Small sets of indexes as ascending lists: they are copied often, and compared with each other. */
export function withOne(ascending: readonly number[], added: number): number[] {
  const last = ascending.at(-1);
  if (last === undefined || last < added) return [...ascending, added];
  return ascending.toSpliced(placeOf(ascending, added), 0, added);
}

export function hasOne(ascending: readonly number[], wanted: number): boolean {
  return ascending[placeOf(ascending, wanted)] === wanted;
}

export function hasAll(ascending: readonly number[], wanted: readonly number[]): boolean {
  if (wanted.length > ascending.length) return false;
  let place = 0;
  for (const one of wanted) {
    while ((ascending[place] ?? Number.POSITIVE_INFINITY) < one) place += 1;
    if (ascending[place] !== one) return false;
  }
  return true;
}

/** Of the first that is not below. */
function placeOf(ascending: readonly number[], wanted: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Number.POSITIVE_INFINITY) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
