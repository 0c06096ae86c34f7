import type { BatchRequest, BatchResponse, ByteString, EdisError, Outcome, Result, Topology } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { BatchRunner } from './batch-runner.ts';
import { metadataBytes } from './metadata-bytes.ts';
import type { BatchOrigin, ResultSink } from './result-sink.ts';

/** Values of one response together; above it the results are split, so that no message nears the message limit. */
const maxResponseBytes = 1024 * 1024;

/** Room that a result takes besides its value. */
const resultOverheadBytes = 32;

/**
 * Of a member with its addresses, and of a range of slots, in a topology on the wire: each `wrong-shard` has a copy.
 */
const memberBytes = 256;
const rangeBytes = 32;

/** What a response says about the answering node. */
export type ResponseHeader = Omit<BatchResponse, 'results'>;

export interface ClientStreamOwner {
  /** The stream carries writes of that client from now on. */
  onClient(stream: ClientStream, client: ByteString): void;
  /** A batch has come. */
  onBatch(operations: number): void;
  onClosed(stream: ClientStream): void;
}

/**
 * One client's stream of batches.
 *
 * Guarantees bounded memory: while the client does not take its results, no further operation of it is begun and its
 * stream is not read, so that TCP holds it back.
 */
export class ClientStream implements ResultSink {
  readonly #stream: MessageStream<BatchResponse, BatchRequest>;
  readonly #runner: BatchRunner;
  readonly #header: () => ResponseHeader;
  readonly #owner: ClientStreamOwner;
  #client: ByteString = '';
  #results: Result[] = [];
  #resultBytes = 0;
  #blocked = false;
  /** Batches that came while the client did not take its results; reading stops with the first. */
  #held: { origin: BatchOrigin; next: number }[] = [];

  constructor(
    stream: MessageStream<BatchResponse, BatchRequest>,
    runner: BatchRunner,
    header: () => ResponseHeader,
    owner: ClientStreamOwner,
  ) {
    this.#stream = stream;
    this.#runner = runner;
    this.#header = header;
    this.#owner = owner;
    stream.listen({
      onMessage: (batch) => this.#onBatch(batch),
      onDrain: () => this.#onDrain(),
      onClose: () => {
        this.#results = [];
        this.#held = [];
        owner.onClosed(this);
      },
    });
  }

  /** Says who answers; sent first, and again when the role changes. */
  greet(): void {
    this.#stream.send({ ...this.#header(), results: [] });
  }

  deliver(request: number, outcome: Outcome): void {
    if (this.#stream.closed) return;
    this.#results.push({ request, outcome });
    this.#resultBytes += resultOverheadBytes;
    if (outcome.kind === 'found') this.#resultBytes += outcome.value.length + metadataBytes(outcome.metadata);
    else if (outcome.kind === 'wrong-shard') this.#resultBytes += topologyBytes(outcome.topology);
    if (this.#resultBytes >= maxResponseBytes) this.flush();
  }

  flush(): void {
    if (this.#results.length === 0) return;
    const { epoch, timestamp, stalenessMs } = this.#header();
    const results = this.#results;
    this.#results = [];
    this.#resultBytes = 0;
    const sent = this.#stream.send({ results, node: '', role: undefined, shard: '', epoch, timestamp, stalenessMs });
    if (!sent && !this.#stream.closed) this.#block();
  }

  end(): void {
    this.#stream.end();
  }

  /** Breaks the stream; what of it was not read yet is never carried out. */
  cancel(error: EdisError): void {
    this.#held = [];
    this.#stream.cancel(error);
  }

  #onBatch(batch: BatchRequest): void {
    this.#owner.onBatch(batch.operations.length);
    if (batch.client !== '' && batch.client !== this.#client) {
      this.#client = batch.client;
      this.#owner.onClient(this, batch.client);
    }
    const origin = { sink: this, batch };
    if (this.#blocked) this.#held.push({ origin, next: 0 });
    else this.#run(origin, 0);
    this.flush();
  }

  #run(origin: BatchOrigin, from: number): void {
    const { operations } = origin.batch;
    for (let index = from; index < operations.length; index += 1) {
      if (this.#blocked) {
        this.#held.unshift({ origin, next: index });
        return;
      }
      const operation = operations[index];
      if (operation !== undefined) this.#runner.run(operation, origin);
    }
  }

  #block(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#stream.pause();
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    while (!this.#blocked) {
      const held = this.#held.shift();
      if (held === undefined) break;
      this.#run(held.origin, held.next);
      this.flush();
    }
    if (!this.#blocked) this.#stream.resume();
  }
}

function topologyBytes(topology: Topology | undefined): number {
  if (topology === undefined) return 0;
  let bytes = topology.infos.length * memberBytes;
  for (const { members } of topology.shards) bytes += (1 + members.length) * memberBytes;
  for (const { slots } of topology.keyspaces) bytes += slots.length * rangeBytes;
  return bytes;
}
