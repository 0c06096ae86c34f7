import type {
  BatchRequest,
  BatchResponse,
  ByteString,
  ClientShare,
  EdisError,
  Operation,
  Outcome,
  Result,
  Topology,
} from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { BatchRunner } from './batch-runner.ts';
import type { FairTurns, WaitingClient } from './fair-turns.ts';
import type { Figures } from './figures.ts';
import { sampledEvery } from './figures.ts';
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

/**
 * Operations of one client that may wait for its turn: more than a full message, so that there is always something to
 * run, and little beside the queue. A client with more is not read, so that TCP holds it back.
 */
const maxHeldOperations = 4096;

/** What a response says about the answering node. */
export type ResponseHeader = Omit<BatchResponse, 'results'>;

export interface ClientStreamOwner {
  /** The stream carries writes of that client from now on. */
  onClient(stream: ClientStream, client: ByteString): void;
  /** A batch has come. */
  onBatch(operations: number): void;
  onClosed(stream: ClientStream): void;
  readonly turns: FairTurns;
  readonly figures: Figures;
  monotonicMs(): number;
}

/** Part of a batch that waits for its turn. */
interface HeldBatch {
  readonly origin: BatchOrigin;
  readonly arrivedMs: number;
  next: number;
}

/**
 * One client's stream of batches.
 *
 * Guarantees bounded memory: while the client does not take its results, no further operation of it is begun; and while
 * it has too many operations waiting, its stream is not read. Takes turns with other clients (fair-turns.ts).
 */
export class ClientStream implements ResultSink, WaitingClient {
  readonly share: ClientShare = { operations: 0 };
  readonly #stream: MessageStream<BatchResponse, BatchRequest>;
  readonly #runner: BatchRunner;
  readonly #header: () => ResponseHeader;
  readonly #owner: ClientStreamOwner;
  #client: ByteString = '';
  #results: Result[] = [];
  #resultBytes = 0;
  /** The client does not take its results. */
  #blocked = false;
  #paused = false;
  #held: HeldBatch[] = [];
  #heldOperations = 0;
  #untilSample = sampledEvery;
  /** The operation whose answer is waited for to know how long it took. */
  #sample: { readonly operation: Operation; readonly startMs: number } | undefined;

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
        this.#drop();
        owner.onClosed(this);
      },
    });
  }

  /**
   * Says who answers; sent first, and again when the role changes. Behind what was answered before, so that a client
   * that was refused knows that this came later.
   */
  greet(): void {
    this.flush();
    this.#stream.send({ ...this.#header(), results: [] });
  }

  deliver(request: number, outcome: Outcome): void {
    if (this.#stream.closed) return;
    if (this.#sample?.operation.request === request) this.#endSample(this.#sample);
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
    this.#drop();
    this.#stream.cancel(error);
  }

  get idle(): boolean {
    return this.#blocked || this.#heldOperations === 0;
  }

  /** Runs operations that waited for their turn. */
  run(operations: number): number {
    const ran = this.#runHeld(operations);
    this.flush();
    this.#updateReading();
    return ran;
  }

  #onBatch(batch: BatchRequest): void {
    this.#owner.onBatch(batch.operations.length);
    if (batch.client !== '' && batch.client !== this.#client) {
      this.#client = batch.client;
      this.#owner.onClient(this, batch.client);
    }
    const { turns } = this.#owner;
    const count = batch.operations.length;
    this.#held.push({ origin: { sink: this, batch }, arrivedMs: this.#owner.monotonicMs(), next: 0 });
    this.#heldOperations += count;
    const admitted = turns.admit(this, count);
    if (!this.#blocked) this.#runHeld(admitted);
    this.flush();
    if (!this.idle) turns.add(this);
    this.#updateReading();
  }

  #runHeld(limit: number): number {
    let ran = 0;
    while (ran < limit && !this.#blocked) {
      const held = this.#held[0];
      if (held === undefined) break;
      const { operations } = held.origin.batch;
      const end = Math.min(operations.length, held.next + limit - ran);
      while (held.next < end && !this.#blocked) {
        const operation = operations[held.next];
        held.next += 1;
        ran += 1;
        if (operation !== undefined) this.#begin(operation, held);
      }
      if (held.next === operations.length) this.#held.shift();
    }
    this.#heldOperations -= ran;
    return ran;
  }

  #begin(operation: Operation, { origin, arrivedMs }: HeldBatch): void {
    this.#untilSample -= 1;
    if (this.#untilSample <= 0 && this.#sample === undefined) {
      this.#untilSample = sampledEvery;
      this.#sample = { operation, startMs: arrivedMs };
    }
    this.#runner.run(operation, origin);
  }

  #endSample(sample: { readonly operation: Operation; readonly startMs: number }): void {
    this.#sample = undefined;
    this.#owner.figures.record(sample.operation, this.#owner.monotonicMs() - sample.startMs);
  }

  #drop(): void {
    this.#held = [];
    this.#heldOperations = 0;
    this.#owner.turns.remove(this);
  }

  #block(): void {
    this.#blocked = true;
    this.#updateReading();
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (!this.idle) this.#owner.turns.add(this);
    this.#updateReading();
  }

  #updateReading(): void {
    const pause = this.#blocked || this.#heldOperations > maxHeldOperations;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#stream.pause();
    else this.#stream.resume();
  }
}

function topologyBytes(topology: Topology | undefined): number {
  if (topology === undefined) return 0;
  let bytes = topology.infos.length * memberBytes;
  for (const { members } of topology.shards) bytes += (1 + members.length) * memberBytes;
  for (const { slots } of topology.keyspaces) bytes += slots.length * rangeBytes;
  return bytes;
}
