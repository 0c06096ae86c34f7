import type { Bytes, QueryFooter, QueryRecord, QueryRefusal, RecordPage, Topology } from '@edis/core';
import { limits } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { MetadataReader, metadataSize, writeMetadata } from './metadata-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter } from './protobuf-writer.ts';
import {
  footerFieldSize,
  readFooter,
  readRefusal,
  refusalFieldSize,
  writeFooter,
  writeRefusal,
} from './query-footer-codec.ts';
import { ResultReader } from './result-reader.ts';
import { TopologyMemory } from './topology-memory.ts';

/**
 * edis.v1.ScanResponse and SearchResponse by hand, because scans move records by the hundred thousand. The two differ
 * in the field `places`, which only a search has, and in the number of the footer behind it.
 *
 * Values that were read are views on the received message: whoever keeps one of them for long copies it.
 */

export type RecordPageMessage = 'scan' | 'search';

const footerTags = { scan: 0x22, search: 0x2a } as const;
const placeTag = 0x22;

function recordSize(record: QueryRecord): number {
  return (
    lengthFieldSize(record.key.length) +
    (record.value.length === 0 ? 0 : lengthFieldSize(record.value.length)) +
    metadataSize(record.metadata) +
    numberFieldSize(record.version) +
    numberFieldSize(record.expiresAtMs)
  );
}

function writeRecord(writer: ProtobufWriter, record: QueryRecord): void {
  writer.bytes(0x0a, record.key);
  if (record.value.length > 0) writer.bytes(0x12, record.value);
  writeMetadata(writer, 0x1a, record.metadata);
  writer.number(0x20, record.version);
  writer.number(0x28, record.expiresAtMs);
}

export class RecordPageCodec implements MessageCodec<RecordPage | QueryRefusal> {
  readonly #message: RecordPageMessage;
  readonly #footerTag: number;
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();
  readonly #metadata = new MetadataReader();
  readonly #encodedTopologies: TopologyMemory;
  readonly #results: ResultReader;
  /** Sizes of the records being encoded. */
  readonly #sizes: number[] = [];

  constructor(message: RecordPageMessage, topologyCodec: MessageCodec<Topology>) {
    this.#message = message;
    this.#footerTag = footerTags[message];
    this.#encodedTopologies = new TopologyMemory(topologyCodec);
    this.#results = new ResultReader(this.#reader, new TopologyMemory(topologyCodec));
  }

  encode(response: RecordPage | QueryRefusal): Buffer {
    const writer = this.#writer;
    if (response.kind === 'records') {
      writer.begin(this.#measure(response));
      this.#write(response);
    } else {
      writer.begin(refusalFieldSize(response, this.#encodedTopologies));
      writeRefusal(writer, 0x0a, response, this.#encodedTopologies);
    }
    return writer.finish();
  }

  decode(bytes: Buffer): RecordPage | QueryRefusal {
    const reader = this.#reader;
    reader.reset(bytes);
    let refusal: QueryRefusal | undefined;
    let footer: QueryFooter | undefined;
    let more = false;
    const records: QueryRecord[] = [];
    const places: string[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x12) {
        if (records.length === limits.maxPageRecords) throw malformed(`more than ${limits.maxPageRecords} records`);
        records.push(this.#readRecord());
      } else if (tag === this.#footerTag) footer = readFooter(reader);
      else if (tag === placeTag) places.push(reader.utf8());
      else if (tag === 0x18) more = reader.bool();
      else if (tag === 0x0a) refusal = readRefusal(reader, this.#results);
      else reader.skip(tag);
    }
    reader.release();
    if (refusal !== undefined) return refusal;
    if (footer === undefined) throw malformed('a page without a footer');
    if (places.length > 0 && places.length !== records.length) {
      throw malformed(`a page of ${records.length} records has ${places.length} places`);
    }
    return { kind: 'records', records, more, places, footer };
  }

  #readRecord(): QueryRecord {
    const reader = this.#reader;
    const outer = reader.enter();
    let key = '';
    let value: Bytes = '';
    let version = 0;
    let expiresAtMs = 0;
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) key = reader.latin1();
      else if (tag === 0x12) value = reader.bytes();
      else if (tag === 0x1a) this.#metadata.readEntry(reader);
      else if (tag === 0x20) version = reader.varint();
      else if (tag === 0x28) expiresAtMs = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { key, value, metadata: this.#metadata.value, version, expiresAtMs };
  }

  #placesOf({ places }: RecordPage): readonly string[] {
    return this.#message === 'search' ? places : [];
  }

  #measure(page: RecordPage): number {
    const sizes = this.#sizes;
    let total = footerFieldSize(page.footer) + (page.more ? 2 : 0);
    let index = 0;
    for (const record of page.records) {
      const size = recordSize(record);
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    for (const place of this.#placesOf(page)) total += lengthFieldSize(Buffer.byteLength(place));
    return total;
  }

  #write(page: RecordPage): void {
    const writer = this.#writer;
    let index = 0;
    for (const record of page.records) {
      writer.lengthPrefix(0x12, this.#sizes[index++] ?? 0);
      writeRecord(writer, record);
    }
    if (page.more) writer.presentNumber(0x18, 1);
    for (const place of this.#placesOf(page)) writer.presentText(placeTag, place);
    writeFooter(writer, this.#footerTag, page.footer);
  }
}
