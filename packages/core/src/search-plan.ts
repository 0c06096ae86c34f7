import type { Metadata } from './bytes.ts';
import { compareText, indexNumber } from './index-value.ts';
import type { IndexKind } from './keyspace-settings.ts';
import type { Bound, Predicate } from './query.ts';

/**
 * Which index a search goes through.
 *
 * The order of the answer is a contract that the plan may not change: by the field of the first predicate that is not
 * `equals` and then by key, by key alone when all are `equals`. What the plan may choose is what is read for it:
 *
 * - `few`: some index has few entries that meet its predicate. All of them are loaded, filtered and sorted. It wins
 *   over everything else, because it is bounded and small.
 * - `intersect`: the entries of one value are ordered by key, so several equalities are joined by going through their
 *   entries side by side, without reading records.
 * - `ordered`: goes through the index of the ordering field, in the order of the answer, and filters what it loads.
 */
export type SearchPlan =
  | { readonly kind: 'few'; readonly driver: Predicate; readonly filters: readonly Predicate[] }
  | { readonly kind: 'intersect'; readonly equals: readonly EqualsPredicate[]; readonly filters: readonly Predicate[] }
  | { readonly kind: 'ordered'; readonly driver: OrderingPredicate; readonly filters: readonly Predicate[] };

export type EqualsPredicate = Extract<Predicate, { readonly kind: 'equals' }>;
export type OrderingPredicate = Exclude<Predicate, EqualsPredicate>;

/** Entries that a look into the index of one predicate found; Infinity: it ended before the index did. */
export type ProbedEntries = number;

/** By its field the answer is ordered; undefined: by key alone. */
export function orderingPredicate(where: readonly Predicate[]): OrderingPredicate | undefined {
  for (const predicate of where) if (predicate.kind !== 'equals') return predicate;
  return undefined;
}

/**
 * Whether it is worth to look how many entries each predicate has: with one predicate there is no choice to make, its
 * index is in the order of the answer.
 */
export function wantsProbe(where: readonly Predicate[]): boolean {
  return where.length > 1;
}

/** @param probes one per predicate; an empty list when nothing was probed */
export function planSearch(
  where: readonly Predicate[],
  probes: readonly ProbedEntries[],
  ordered: boolean,
): SearchPlan {
  const fewest = indexOfFewest(probes);
  const driver = where[fewest];
  if (driver !== undefined) return { kind: 'few', driver, filters: without(where, driver) };
  const equals = where.filter((predicate) => predicate.kind === 'equals');
  const ordering = orderingPredicate(where);
  if (ordering !== undefined && (ordered || equals.length === 0)) {
    return { kind: 'ordered', driver: ordering, filters: without(where, ordering) };
  }
  return { kind: 'intersect', equals, filters: where.filter((predicate) => predicate.kind !== 'equals') };
}

/** Tells whether metadata meets all predicates. @param kindOf how each field is indexed */
export function predicateFilter(
  where: readonly Predicate[],
  kindOf: (field: string) => IndexKind | undefined,
): (metadata: Metadata | undefined) => boolean {
  const tests = where.map((predicate) => ({
    field: predicate.field,
    holds: kindOf(predicate.field) === 'number' ? numberTest(predicate) : textTest(predicate),
  }));
  return (metadata) => {
    if (metadata === undefined) return tests.length === 0;
    for (const { field, holds } of tests) {
      // A field named like a property of every object is not there unless the writer put it there.
      const value = Object.hasOwn(metadata, field) ? metadata[field] : undefined;
      if (value === undefined || !holds(value)) return false;
    }
    return true;
  };
}

function textTest(predicate: Predicate): (value: string) => boolean {
  if (predicate.kind === 'equals') return (value) => value === predicate.value;
  if (predicate.kind === 'prefix') return (value) => value.startsWith(predicate.prefix);
  const { from, to } = predicate;
  return (value) =>
    (from === undefined || isWithin(compareText(value, from.value), from)) &&
    (to === undefined || isWithin(compareText(to.value, value), to));
}

function numberTest(predicate: Predicate): (value: string) => boolean {
  if (predicate.kind === 'prefix') return () => false;
  const from = predicate.kind === 'equals' ? { value: predicate.value, inclusive: true } : predicate.from;
  const to = predicate.kind === 'equals' ? from : predicate.to;
  const least = from === undefined ? undefined : indexNumber(from.value);
  const greatest = to === undefined ? undefined : indexNumber(to.value);
  return (text) => {
    const value = indexNumber(text);
    if (value === undefined) return false;
    if (from !== undefined && (least === undefined || !isWithin(value - least, from))) return false;
    return to === undefined || (greatest !== undefined && isWithin(greatest - value, to));
  };
}

/** @param distance above 0: inside; 0: at the bound */
function isWithin(distance: number, bound: Bound): boolean {
  return distance > 0 || (distance === 0 && bound.inclusive);
}

function indexOfFewest(probes: readonly ProbedEntries[]): number {
  let fewest = -1;
  let entries = Number.POSITIVE_INFINITY;
  for (const [index, probed] of probes.entries()) {
    if (probed >= entries) continue;
    fewest = index;
    entries = probed;
  }
  return fewest;
}

function without(where: readonly Predicate[], driver: Predicate): Predicate[] {
  return where.filter((predicate) => predicate !== driver);
}
