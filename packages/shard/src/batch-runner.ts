import type { AtomicOperation, BatchRequest, Operation, Outcome } from '@edis/core';
import { checkOperation } from '@edis/core';
import type { Ownership } from './ownership.ts';
import type { Reader } from './reader.ts';
import type { BatchOrigin, ResultSink } from './result-sink.ts';
import type { Writer } from './writer.ts';

/** The log has room for ids of this length alone. */
const clientIdBytes = 16;

export interface BatchRunnerParts {
  readonly ownership: Ownership;
  readonly reader: Reader;
  /** Undefined while the member takes no writes. */
  readonly writer: () => Writer | undefined;
  /** The highest epoch that this member knows. */
  readonly epoch: () => number;
}

/** Checks the operations of a batch and hands each to the read or the write path. */
export class BatchRunner {
  readonly #parts: BatchRunnerParts;

  constructor(parts: BatchRunnerParts) {
    this.#parts = parts;
  }

  run(operation: Operation, origin: BatchOrigin): void {
    const { sink, batch } = origin;
    const fault = checkOperation(operation);
    if (fault !== undefined || operation.kind === 'malformed') {
      sink.deliver(operation.request, { kind: 'invalid', cause: 'malformed', message: 'no such operation', ...fault });
      return;
    }
    if (operation.kind !== 'get' && batch.client.length !== 0 && batch.client.length !== clientIdBytes) {
      // It would fail the whole commit group, with the writes of others in it.
      const message = `the client id has ${batch.client.length} bytes; it has ${clientIdBytes}, or none`;
      sink.deliver(operation.request, { kind: 'invalid', cause: 'malformed', message });
      return;
    }
    if (operation.kind === 'atomic') {
      this.#runAtomic(operation, origin);
      return;
    }
    const slot = this.#slot(operation.keyspace, operation.key, batch, sink, operation.request);
    if (slot === undefined) return;
    const demandsPrimary = operation.kind !== 'get' || operation.consistency === 'strong';
    if (demandsPrimary && batch.epoch > this.#parts.epoch()) {
      sink.deliver(operation.request, this.#notPrimary());
      return;
    }
    if (operation.kind === 'get') {
      this.#parts.reader.read(operation, sink);
      return;
    }
    const writer = this.#parts.writer();
    const refused = writer?.enqueue(operation, slot, origin);
    if (writer === undefined) sink.deliver(operation.request, this.#notPrimary());
    else if (refused !== undefined) sink.deliver(operation.request, refused);
  }

  /** All of its keys belong here, or it is not taken. */
  #runAtomic(operation: AtomicOperation, origin: BatchOrigin): void {
    const { sink, batch } = origin;
    const slots: number[] = [];
    for (const { key } of operation.writes) {
      const slot = this.#slot(operation.keyspace, key, batch, sink, operation.request);
      if (slot === undefined) return;
      slots.push(slot);
    }
    const { epoch } = this.#parts;
    const writer = this.#parts.writer();
    const refused =
      writer === undefined || batch.epoch > epoch()
        ? this.#notPrimary()
        : writer.enqueueAtomic(operation, slots, origin);
    if (refused !== undefined) sink.deliver(operation.request, refused);
  }

  /** Also for a client that knows of a newer epoch: whoever is primary there, this node does not know yet. */
  #notPrimary(): Outcome {
    return { kind: 'not-primary', epoch: this.#parts.epoch() };
  }

  #slot(keyspace: number, key: string, batch: BatchRequest, sink: ResultSink, request: number): number | undefined {
    const { ownership } = this.#parts;
    const standing =
      batch.shard !== '' && batch.shard !== ownership.shard
        ? 'foreign'
        : ownership.standing(keyspace, key, batch.revision);
    if (typeof standing === 'number') return standing;
    sink.deliver(
      request,
      standing === 'foreign'
        ? { kind: 'wrong-shard', topology: ownership.newerThan(batch.revision) }
        : { kind: 'invalid', cause: 'no-such-keyspace', message: `there is no keyspace number ${keyspace}` },
    );
    return undefined;
  }
}
