import type { AggregateGroup, AggregateRequest, ByteString, EqualsPredicate, Fault } from '@edis/core';
import { Aggregation, isExpired } from '@edis/core';
import type { MatchQuery } from './query-matches.ts';
import { commonKeys, matchesOf } from './query-matches.ts';
import { recordsPerLook } from './query-work.ts';

/** Expired records that are still in the view; above that many the records are gone through instead. */
const maxExpiredCounted = 1024;

export interface AggregateSource extends MatchQuery {
  /** What the view holds of the keyspace, when it is known of exactly this view. */
  readonly stats: { readonly recordCount: number } | undefined;
}

/**
 * Adds up what the shard knows. Reads as little as will do:
 *
 * - a count of the whole keyspace comes from its counter, less the records that expired and are not removed yet;
 * - counts over equalities, and by an indexed text field without conditions, come from the index alone, again less the
 *   expired ones: an index entry has no deadline, but the view knows those few whose deadline has passed;
 * - everything else loads the records that meet the conditions, or all of them.
 */
export async function aggregate(
  source: AggregateSource,
  request: AggregateRequest,
): Promise<readonly AggregateGroup[] | Fault> {
  const sums = new Aggregation(request.measures, request.groupBy);
  if (sums.onlyCounts && (await countFromIndexes(source, request, sums))) return sums.finish();
  const fault = source.where.length === 0 ? await addAll(source, sums) : await addMatches(source, sums);
  return fault ?? sums.finish();
}

/** False: the indexes and counters do not tell; nothing was counted. */
async function countFromIndexes(
  source: AggregateSource,
  request: AggregateRequest,
  sums: Aggregation,
): Promise<boolean> {
  const { view, keyspace, nowMs, where, stats, kindOf } = source;
  const { groupBy } = request;
  const equals = where.filter((predicate) => predicate.kind === 'equals');
  const fromCounter = where.length === 0 && groupBy === '' && stats !== undefined;
  const fromEqualities = where.length > 0 && groupBy === '' && equals.length === where.length;
  // Among numbers, what is none is not in the index.
  const fromGroups = where.length === 0 && groupBy !== '' && kindOf(groupBy) === 'text';
  if (!fromCounter && !fromEqualities && !fromGroups) return false;
  const expiring = await view.expiring(nowMs, maxExpiredCounted);
  if (expiring.length >= maxExpiredCounted) return false;
  const expired = new Set(expiring.filter((record) => record.keyspace === keyspace).map(({ key }) => key));
  if (fromCounter) sums.addCount('', stats.recordCount - expired.size);
  else if (fromEqualities) await countKeys(source, equals, expired, sums);
  else return countGroups(source, groupBy, expired, sums);
  return true;
}

async function countKeys(
  source: AggregateSource,
  equals: readonly EqualsPredicate[],
  expired: ReadonlySet<ByteString>,
  sums: Aggregation,
): Promise<void> {
  let count = 0;
  for await (const keys of commonKeys(source, equals)) {
    count += keys.length;
    if (expired.size > 0) for (const key of keys) if (expired.has(key)) count -= 1;
  }
  sums.addCount('', count);
}

/** Returns true, for the caller to end with: a fault shows when the sums are finished. */
async function countGroups(
  { view, keyspace, work }: AggregateSource,
  field: string,
  expired: ReadonlySet<ByteString>,
  sums: Aggregation,
): Promise<boolean> {
  let group: string | undefined;
  let count = 0;
  for await (const page of view.index(keyspace, field, {})) {
    work.check();
    for (const { value, key } of page) {
      if (expired.has(key)) continue;
      if (value !== group) {
        if (group !== undefined && sums.addCount(group, count) !== undefined) return true;
        group = value;
        count = 0;
      }
      count += 1;
    }
    if (work.isTurnOver) await work.nextTurn();
  }
  if (group !== undefined) sums.addCount(group, count);
  return true;
}

async function addAll({ view, keyspace, nowMs, work }: AggregateSource, sums: Aggregation): Promise<Fault | undefined> {
  for await (const page of view.records(keyspace, '', '')) {
    work.check();
    for (const [index, { key, metadata, expiresAtMs }] of page.entries()) {
      if (index % recordsPerLook === 0 && work.isTurnOver) await work.nextTurn();
      if (isExpired(expiresAtMs, nowMs)) continue;
      const fault = sums.add(key, metadata);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

async function addMatches(source: AggregateSource, sums: Aggregation): Promise<Fault | undefined> {
  for await (const matches of matchesOf(source)) {
    for (const { record } of matches) {
      const fault = sums.add(record.key, record.metadata);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}
