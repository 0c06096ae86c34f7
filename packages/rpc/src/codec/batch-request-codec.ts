import type { BatchRequest, ByteString, Operation } from '@edis/core';
import { limits } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { OperationReader } from './operation-reader.ts';
import { operationSize, variantSize, writeOperation } from './operation-writer.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, numberFieldSize, ProtobufWriter, textFieldSize } from './protobuf-writer.ts';

/**
 * edis.v1.BatchRequest by hand, because it is the data path: one pass over the operations for the sizes, one that
 * writes, and on the way in straight into core's types. Tags are literals (field number * 8 + wire type) beside the
 * field's name.
 */
export class BatchRequestCodec implements MessageCodec<BatchRequest> {
  readonly #reader = new ProtobufReader();
  readonly #operations = new OperationReader(this.#reader);
  readonly #writer = new ProtobufWriter();
  /** Sizes of the batch being encoded, two for each operation: of its variant, of itself. */
  readonly #sizes: number[] = [];

  encode(batch: BatchRequest): Buffer {
    this.#writer.begin(this.#measure(batch));
    this.#write(batch);
    return this.#writer.finish();
  }

  decode(bytes: Buffer): BatchRequest {
    const reader = this.#reader;
    reader.reset(bytes);
    let revision = 0;
    let epoch = 0;
    let client: ByteString = '';
    let completedBelow = 0;
    let shard = '';
    const operations: Operation[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x2a) {
        if (operations.length === limits.maxBatchOperations) {
          throw malformed(`more than ${limits.maxBatchOperations} operations in one batch; send several batches`);
        }
        operations.push(this.#operations.read());
      } else if (tag === 0x08) revision = reader.varint();
      else if (tag === 0x10) epoch = reader.varint();
      else if (tag === 0x1a) client = reader.latin1();
      else if (tag === 0x20) completedBelow = reader.varint();
      else if (tag === 0x32) shard = reader.utf8();
      else reader.skip(tag);
    }
    reader.release();
    return { revision, epoch, client, completedBelow, shard, operations };
  }

  #measure(batch: BatchRequest): number {
    const sizes = this.#sizes;
    let total =
      numberFieldSize(batch.revision) +
      numberFieldSize(batch.epoch) +
      (batch.client.length === 0 ? 0 : lengthFieldSize(batch.client.length)) +
      numberFieldSize(batch.completedBelow) +
      textFieldSize(batch.shard);
    let index = 0;
    for (const operation of batch.operations) {
      const variant = variantSize(operation);
      const size = operationSize(operation, variant);
      sizes[index++] = variant;
      sizes[index++] = size;
      total += lengthFieldSize(size);
    }
    return total;
  }

  #write(batch: BatchRequest): void {
    const writer = this.#writer;
    writer.number(0x08, batch.revision);
    writer.number(0x10, batch.epoch);
    if (batch.client.length > 0) writer.bytes(0x1a, batch.client);
    writer.number(0x20, batch.completedBelow);
    let index = 0;
    for (const operation of batch.operations) {
      const variant = this.#sizes[index++] ?? 0;
      writer.lengthPrefix(0x2a, this.#sizes[index++] ?? 0);
      writeOperation(writer, operation, variant);
    }
    writer.text(0x32, batch.shard);
  }
}
