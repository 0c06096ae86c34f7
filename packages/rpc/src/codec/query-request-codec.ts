import type {
  AggregateRequest,
  Bound,
  ByteString,
  Consistency,
  Measure,
  MeasureKind,
  Predicate,
  QueryHead,
  ScanRequest,
  SearchPlace,
  SearchRequest,
} from '@edis/core';
import { unreachable } from '@edis/core';
import { contract } from '../contract.ts';
import type { AggregateRequest as WireAggregateRequest } from '../generated/edis/v1/AggregateRequest.ts';
import type { Bound as WireBound } from '../generated/edis/v1/Bound.ts';
import type { Consistency as WireConsistency } from '../generated/edis/v1/Consistency.ts';
import type { Measure as WireMeasure } from '../generated/edis/v1/Measure.ts';
import type { MeasureKind as WireMeasureKind } from '../generated/edis/v1/MeasureKind.ts';
import type { PredicateInput, Predicate as WirePredicate } from '../generated/edis/v1/Predicate.ts';
import type { QueryHeadInput, QueryHead as WireQueryHead } from '../generated/edis/v1/QueryHead.ts';
import type { ScanRequest as WireScanRequest } from '../generated/edis/v1/ScanRequest.ts';
import type { SearchPlace as WireSearchPlace } from '../generated/edis/v1/SearchPlace.ts';
import type { SearchRequest as WireSearchRequest } from '../generated/edis/v1/SearchRequest.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { malformed } from './message-codec.ts';
import { member, present, safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/** What is asked of QueryService: one small message each, hence proto-loader's coding. */

const consistencyNames = {
  eventual: 'CONSISTENCY_EVENTUAL',
  session: 'CONSISTENCY_SESSION',
  bounded: 'CONSISTENCY_BOUNDED',
  strong: 'CONSISTENCY_STRONG',
} as const satisfies Record<Consistency, WireConsistency>;

const consistencies: Readonly<Record<string, Consistency>> = {
  CONSISTENCY_UNSPECIFIED: 'eventual',
  CONSISTENCY_EVENTUAL: 'eventual',
  CONSISTENCY_SESSION: 'session',
  CONSISTENCY_BOUNDED: 'bounded',
  CONSISTENCY_STRONG: 'strong',
};

const measureNames = {
  count: 'MEASURE_KIND_COUNT',
  sum: 'MEASURE_KIND_SUM',
  min: 'MEASURE_KIND_MIN',
  max: 'MEASURE_KIND_MAX',
  average: 'MEASURE_KIND_AVERAGE',
} as const satisfies Record<MeasureKind, WireMeasureKind>;

const measures: Readonly<Record<string, MeasureKind>> = {
  MEASURE_KIND_COUNT: 'count',
  MEASURE_KIND_SUM: 'sum',
  MEASURE_KIND_MIN: 'min',
  MEASURE_KIND_MAX: 'max',
  MEASURE_KIND_AVERAGE: 'average',
};

const defaultHead: QueryHead = Object.freeze({
  shard: '',
  epoch: 0,
  revision: 0,
  keyspace: 0,
  consistency: 'eventual',
  after: undefined,
  maxStalenessMs: 0,
});

function bufferOf(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

function headToWire(head: QueryHead): QueryHeadInput {
  const { shard, epoch, revision, keyspace, consistency, after, maxStalenessMs } = head;
  return {
    ...{ shard, epoch, revision, keyspace, maxStalenessMs },
    consistency: consistencyNames[consistency],
    after: after ?? null,
  };
}

function headFromWire(wire: WireQueryHead | null): QueryHead {
  if (wire === null) return defaultHead;
  const { shard, epoch, revision, keyspace, consistency, after, maxStalenessMs } = wire;
  return {
    shard,
    epoch: safeInteger(epoch, 'QueryHead.epoch'),
    revision: safeInteger(revision, 'QueryHead.revision'),
    keyspace,
    consistency: member(consistencies, consistency, 'QueryHead.consistency'),
    after: after === null ? undefined : positionFromWire(after, 'QueryHead.after'),
    maxStalenessMs,
  };
}

function predicateToWire(predicate: Predicate): PredicateInput {
  const { field } = predicate;
  switch (predicate.kind) {
    case 'equals':
      return { field, equals: predicate.value };
    case 'prefix':
      return { field, prefix: predicate.prefix };
    case 'range':
      return { field, range: { from: predicate.from ?? null, to: predicate.to ?? null } };
    default:
      return unreachable(predicate);
  }
}

function boundFromWire(wire: WireBound | null): Bound | undefined {
  return wire === null ? undefined : { value: wire.value, inclusive: wire.inclusive };
}

function predicateFromWire(wire: WirePredicate): Predicate {
  const { field, condition } = wire;
  if (field === '') throw malformed('Predicate.field is empty');
  if (condition === undefined) throw malformed(`the predicate on ${field} has no condition`);
  switch (condition) {
    case 'equals':
      return { kind: 'equals', field, value: wire.equals ?? '' };
    case 'prefix':
      return { kind: 'prefix', field, prefix: wire.prefix ?? '' };
    case 'range': {
      const range = present(wire.range, 'Predicate.range');
      const from = boundFromWire(range.from);
      const to = boundFromWire(range.to);
      if (from === undefined && to === undefined) throw malformed(`the range of ${field} has no bound`);
      return { kind: 'range', field, from, to };
    }
    default:
      return unreachable(condition);
  }
}

function placeFromWire(wire: WireSearchPlace | null): SearchPlace | undefined {
  return wire === null ? undefined : { value: wire.value, key: wire.key.toString('latin1') };
}

function scanFromWire({ head, from, to, maxRecords, keysOnly }: WireScanRequest): ScanRequest {
  return {
    head: headFromWire(head),
    from: from.toString('latin1'),
    to: to.toString('latin1'),
    maxRecords,
    keysOnly,
  };
}

function searchFromWire({ head, where, after, maxRecords, keysOnly }: WireSearchRequest): SearchRequest {
  return {
    head: headFromWire(head),
    where: where.map(predicateFromWire),
    after: placeFromWire(after),
    maxRecords,
    keysOnly,
  };
}

function measureFromWire({ kind, field }: WireMeasure): Measure {
  return { kind: member(measures, kind, 'Measure.kind'), field };
}

function aggregateFromWire(wire: WireAggregateRequest): AggregateRequest {
  return {
    head: headFromWire(wire.head),
    where: wire.where.map(predicateFromWire),
    groupBy: wire.groupBy,
    measures: wire.measures.map(measureFromWire),
  };
}

export const scanRequestCodec = new LoadedCodec(
  contract.ScanRequest,
  ({ head, from, to, maxRecords, keysOnly }: ScanRequest) => ({
    head: headToWire(head),
    from: bufferOf(from),
    to: bufferOf(to),
    maxRecords,
    keysOnly,
  }),
  scanFromWire,
);

export const searchRequestCodec = new LoadedCodec(
  contract.SearchRequest,
  ({ head, where, after, maxRecords, keysOnly }: SearchRequest) => ({
    head: headToWire(head),
    where: where.map(predicateToWire),
    after: after === undefined ? null : { value: after.value, key: bufferOf(after.key) },
    maxRecords,
    keysOnly,
  }),
  searchFromWire,
);

export const aggregateRequestCodec = new LoadedCodec(
  contract.AggregateRequest,
  (request: AggregateRequest) => ({
    head: headToWire(request.head),
    where: request.where.map(predicateToWire),
    groupBy: request.groupBy,
    measures: request.measures.map(({ kind, field }) => ({ kind: measureNames[kind], field })),
  }),
  aggregateFromWire,
);
