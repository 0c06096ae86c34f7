import type {
  AggregateRequest,
  AggregateResponse,
  Predicate,
  QueryRecord,
  RecordPage,
  ScanRequest,
  ScanResponse,
  SearchRequest,
} from '@edis/core';
import { limits } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from '../contract.ts';
import { AggregateResponseCodec } from './aggregate-response-codec.ts';
import type { MessageCodec } from './message-codec.ts';
import {
  bufferOf,
  byteString,
  bytes,
  decodeOrRefuse,
  filled,
  metadata,
  position,
  refusal,
  refusalToWire,
  text,
  uint32,
  uint64,
} from './message-fixture.ts';
import { aggregateRequestCodec, scanRequestCodec, searchRequestCodec } from './query-request-codec.ts';
import { RecordPageCodec } from './record-page-codec.ts';
import { topologyCodec } from './topology-codec.ts';

const scans = new RecordPageCodec('scan', topologyCodec);
const searches = new RecordPageCodec('search', topologyCodec);
const aggregates = new AggregateResponseCodec(topologyCodec);

const head = fc.record({
  shard: text,
  epoch: uint64,
  revision: uint64,
  keyspace: uint32,
  consistency: fc.constantFrom('eventual', 'session', 'bounded', 'strong'),
  after: fc.option(position, { nil: undefined }),
  maxStalenessMs: uint32,
});
const field = fc.string({ minLength: 1, maxLength: 8 });
const bound = fc.record({ value: text, inclusive: fc.boolean() });
const predicate: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({ kind: fc.constant('equals' as const), field, value: text }),
  fc.record({ kind: fc.constant('prefix' as const), field, prefix: text }),
  fc.record({
    kind: fc.constant('range' as const),
    field,
    from: bound,
    to: fc.option(bound, { nil: undefined }),
  }),
);
const where = fc.array(predicate, { maxLength: 3 });
const scanRequest: fc.Arbitrary<ScanRequest> = fc.record({
  head,
  from: byteString,
  to: byteString,
  maxRecords: uint32,
  keysOnly: fc.boolean(),
});
const searchRequest: fc.Arbitrary<SearchRequest> = fc.record({
  head,
  where,
  after: fc.option(fc.record({ value: text, key: byteString }), { nil: undefined }),
  maxRecords: uint32,
  keysOnly: fc.boolean(),
});
const aggregateRequest: fc.Arbitrary<AggregateRequest> = fc.record({
  head,
  where,
  groupBy: text,
  measures: fc.array(fc.record({ kind: fc.constantFrom('count', 'sum', 'min', 'max', 'average'), field: text }), {
    maxLength: 3,
  }),
});

const footer = fc.record({ node: text, position, stalenessMs: uint64 });
const record: fc.Arbitrary<QueryRecord> = fc.record({
  key: byteString,
  value: bytes,
  metadata,
  version: uint64,
  expiresAtMs: uint64,
});
const scanPage: fc.Arbitrary<RecordPage> = fc.record({
  kind: fc.constant('records' as const),
  records: fc.array(record, { maxLength: 6 }),
  more: fc.boolean(),
  places: fc.constant([]),
  footer,
});
const searchPage = fc
  .tuple(scanPage, fc.boolean(), text)
  .map(([page, ordered, place]): RecordPage => ({ ...page, places: ordered ? page.records.map(() => place) : [] }));
const part = fc.record({ count: uint64, sum: text, min: text, max: text });
const groupPage: fc.Arbitrary<AggregateResponse> = fc.record({
  kind: fc.constant('groups' as const),
  groups: fc.array(fc.record({ group: text, count: uint64, parts: fc.array(part, { maxLength: 3 }) }), {
    maxLength: 4,
  }),
  footer,
});
const scanResponse = fc.oneof(scanPage, refusal);
const searchResponse = fc.oneof(searchPage, refusal);
const aggregateResponse = fc.oneof(groupPage, refusal);

function pageToWire(page: ScanResponse) {
  if (page.kind !== 'records') return { refusal: refusalToWire(page) };
  const { records, more, places, footer: by } = page;
  return {
    records: records.map((item) => ({
      ...item,
      key: bufferOf(item.key),
      value: bufferOf(item.value),
      metadata: { ...item.metadata },
    })),
    more,
    places: [...places],
    footer: by,
  };
}

function groupsToWire(page: AggregateResponse) {
  if (page.kind !== 'groups') return { refusal: refusalToWire(page) };
  const groups = page.groups.map(({ group, count, parts }) => ({ group, count, parts: [...parts] }));
  return { groups, footer: page.footer };
}

/** Empty values may be read as either form of bytes. */
function comparable(page: ScanResponse): ScanResponse {
  if (page.kind !== 'records') return page;
  const records = page.records.map((item) => ({
    ...item,
    value: bufferOf(item.value),
    metadata: filled(item.metadata),
  }));
  return { ...page, records };
}

function expectSame<T>(codec: MessageCodec<T>, messages: fc.Arbitrary<T>, comparableOf: (message: T) => T): void {
  fc.assert(
    fc.property(messages, (message) => {
      expect(comparableOf(codec.decode(codec.encode(message)))).toEqual(comparableOf(message));
    }),
    { numRuns: 300 },
  );
}

function expectWhole<T>(codec: MessageCodec<T>, messages: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
      const input = codec.encode(message);
      if (input.length > 0) input[at % input.length] = byte;
      expect(['decoded', 'refused']).toContain(decodeOrRefuse((damaged) => codec.decode(damaged), input));
    }),
    { numRuns: 500 },
  );
}

describe('requests of queries', () => {
  it('are read as they were written', () => {
    const same = <T>(message: T): T => message;
    expectSame(scanRequestCodec, scanRequest, same);
    expectSame(searchRequestCodec, searchRequest, same);
    expectSame(aggregateRequestCodec, aggregateRequest, same);
  });

  it('have a head of defaults when they have none', () => {
    expect(scanRequestCodec.decode(Buffer.alloc(0))).toEqual({
      head: {
        shard: '',
        epoch: 0,
        revision: 0,
        keyspace: 0,
        consistency: 'eventual',
        after: undefined,
        maxStalenessMs: 0,
      },
      from: '',
      to: '',
      maxRecords: 0,
      keysOnly: false,
    });
  });

  it.each([
    ['a predicate without a condition', contract.SearchRequest.serialize({ where: [{ field: 'f' }] })],
    ['a predicate without a field', contract.SearchRequest.serialize({ where: [{ equals: 'v' }] })],
    ['a range without a bound', contract.SearchRequest.serialize({ where: [{ field: 'f', range: {} }] })],
    // SearchRequest.head (1) with consistency (5) set to 99, which the typed encoder would not write.
    ['an unknown consistency', Buffer.from([0x0a, 2, 0x28, 99])],
  ])('are refused with %s', (_what, input) => {
    expect(() => searchRequestCodec.decode(input)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});

describe('answers of queries', () => {
  it('are written as proto-loader reads them', () => {
    fc.assert(
      fc.property(scanResponse, searchResponse, aggregateResponse, (scan, search, aggregate) => {
        const { ScanResponse: scanType, SearchResponse: searchType, AggregateResponse: aggregateType } = contract;
        expect(scanType.deserialize(scans.encode(scan))).toEqual(
          scanType.deserialize(scanType.serialize(pageToWire(scan))),
        );
        expect(searchType.deserialize(searches.encode(search))).toEqual(
          searchType.deserialize(searchType.serialize(pageToWire(search))),
        );
        expect(aggregateType.deserialize(aggregates.encode(aggregate))).toEqual(
          aggregateType.deserialize(aggregateType.serialize(groupsToWire(aggregate))),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('are read as proto-loader writes them', () => {
    fc.assert(
      fc.property(scanResponse, searchResponse, aggregateResponse, (scan, search, aggregate) => {
        const { ScanResponse: scanType, SearchResponse: searchType, AggregateResponse: aggregateType } = contract;
        expect(comparable(scans.decode(scanType.serialize(pageToWire(scan))))).toEqual(comparable(scan));
        expect(comparable(searches.decode(searchType.serialize(pageToWire(search))))).toEqual(comparable(search));
        expect(aggregates.decode(aggregateType.serialize(groupsToWire(aggregate)))).toEqual(aggregate);
      }),
      { numRuns: 300 },
    );
  });

  it('are read as they were written', () => {
    expectSame(scans, scanResponse, comparable);
    expectSame(searches, searchResponse, comparable);
    expectSame(aggregates, aggregateResponse, (message) => message);
  });

  it('answer damaged bytes with a message or EdisError protocol, never otherwise', () => {
    expectWhole(scans, scanResponse);
    expectWhole(searches, searchResponse);
    expectWhole(aggregates, aggregateResponse);
  });

  it.each([
    ['no footer', contract.SearchResponse.serialize({ records: [{}] })],
    ['an empty refusal', contract.SearchResponse.serialize({ refusal: {} })],
    ['fewer places than records', contract.SearchResponse.serialize({ records: [{}, {}], places: ['a'], footer: {} })],
    ['more records than a page may have', Buffer.alloc((limits.maxPageRecords + 1) * 2, Buffer.from([0x12, 0]))],
  ])('are refused with %s', (_what, input) => {
    expect(() => searches.decode(input)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});
