import type { BatchResponse, Result, Topology } from '@edis/core';
import { known, memberRoles } from './enum-names.ts';
import type { MessageCodec } from './message-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize } from './protobuf-writer.ts';
import { ResultReader } from './result-reader.ts';
import { outcomeSize, resultSize, writeResult } from './result-writer.ts';
import { TopologyMemory } from './topology-memory.ts';

/**
 * edis.v1.BatchResponse by hand, because it is the data path; built like the request's codec. The map inside
 * `wrong_shard` is rare and large and goes through the codec that it has elsewhere. A batch that was routed by an old
 * map carries the same map in many results, so the last one is kept in both directions.
 */

export class BatchResponseCodec implements MessageCodec<BatchResponse> {
  readonly #reader = new ProtobufReader();
  readonly #writer = new ProtobufWriter();
  readonly #encodedTopologies: TopologyMemory;
  readonly #results: ResultReader;
  /** Sizes of the response being encoded, two for each result: of its outcome, of itself. */
  readonly #sizes: number[] = [];

  constructor(topologyCodec: MessageCodec<Topology>) {
    this.#encodedTopologies = new TopologyMemory(topologyCodec);
    this.#results = new ResultReader(this.#reader, new TopologyMemory(topologyCodec));
  }

  encode(response: BatchResponse): Buffer {
    this.#writer.begin(this.#measure(response));
    this.#write(response);
    return this.#writer.finish();
  }

  decode(bytes: Buffer): BatchResponse {
    const reader = this.#reader;
    reader.reset(bytes);
    const results: Result[] = [];
    let node = '';
    let roleNumber = 0;
    let shard = '';
    let epoch = 0;
    let timestamp = 0;
    let stalenessMs = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) results.push(this.#results.read());
      else if (tag === 0x12) node = reader.utf8();
      else if (tag === 0x18) roleNumber = reader.varint();
      else if (tag === 0x22) shard = reader.utf8();
      else if (tag === 0x28) epoch = reader.varint();
      else if (tag === 0x30) timestamp = reader.varint();
      else if (tag === 0x38) stalenessMs = reader.varint();
      else reader.skip(tag);
    }
    reader.release();
    const role = roleNumber === 0 ? undefined : known(memberRoles, roleNumber, 'MemberRole');
    return { results, node, role, shard, epoch, timestamp, stalenessMs };
  }

  #measure(response: BatchResponse): number {
    const sizes = this.#sizes;
    let total =
      textFieldSize(response.node) +
      (response.role === undefined ? 0 : 2) +
      textFieldSize(response.shard) +
      numberFieldSize(response.epoch) +
      numberFieldSize(response.timestamp) +
      numberFieldSize(response.stalenessMs);
    let index = 0;
    for (const result of response.results) {
      const outcome = outcomeSize(result.outcome, this.#encodedTopologies);
      const size = resultSize(result.request, result.outcome, outcome);
      sizes[index++] = outcome;
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    return total;
  }

  #write(response: BatchResponse): void {
    const writer = this.#writer;
    let index = 0;
    for (const result of response.results) {
      const outcome = this.#sizes[index++] ?? 0;
      writer.lengthPrefix(0x0a, this.#sizes[index++] ?? 0);
      writeResult(writer, result, outcome, this.#encodedTopologies);
    }
    writer.text(0x12, response.node);
    if (response.role !== undefined) writer.presentNumber(0x18, memberRoles.indexOf(response.role));
    writer.text(0x22, response.shard);
    writer.number(0x28, response.epoch);
    writer.number(0x30, response.timestamp);
    writer.number(0x38, response.stalenessMs);
  }
}
