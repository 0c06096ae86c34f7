import {
  type BatchRequest,
  type BatchResponse,
  comparePositions,
  EdisError,
  type MemberRole,
  type NodeStats,
  type Operation,
  type Outcome,
  type Result,
} from '@edis/core';
import type { FakeShard } from './fake-shard.ts';
import { FakeStream } from './fake-stream.ts';
import { idleStats } from './fake-topology.ts';

export type ClientStream = FakeStream<BatchRequest, BatchResponse>;

export class FakeNode {
  readonly node: string;
  readonly address: string;
  readonly shard: FakeShard;
  shardName: string;
  role: MemberRole;
  up = true;
  /** Takes batches and answers none, like a stopped process. */
  frozen = false;
  /** Carries the next batch out and dies before it answers. */
  losesAnswer = false;
  /** What its reads show; undefined: everything. */
  applied: { epoch: number; position: number } | undefined;
  stalenessMs = 0;
  /** Answers in the place of the node; undefined: as usual; 'drop': never. */
  intercept: ((operation: Operation, request: BatchRequest) => Outcome | 'drop' | undefined) | undefined;
  /** Every batch, as it was when it was sent. */
  readonly received: BatchRequest[] = [];
  readonly streams = new Set<ClientStream>();
  keepsBatches = true;

  constructor(node: string, address: string, shardName: string, shard: FakeShard, role: MemberRole) {
    this.node = node;
    this.address = address;
    this.shardName = shardName;
    this.shard = shard;
    this.role = role;
  }

  get operations(): Operation[] {
    return this.received.flatMap((request) => request.operations);
  }

  /** Breaks all streams and refuses new ones. */
  kill(): void {
    this.up = false;
    for (const stream of [...this.streams]) stream.finish(new EdisError('unreachable', `${this.address} is down`));
    this.streams.clear();
  }

  restart(): void {
    this.up = true;
  }

  open(): ClientStream {
    const stream: ClientStream = new FakeStream(
      this.address,
      (request) => this.#take(stream, request),
      () => this.streams.delete(stream),
    );
    setImmediate(() => {
      if (!this.up) {
        stream.finish(new EdisError('unreachable', `${this.address} refused the connection`));
      } else if (!this.frozen && !stream.closed) {
        this.streams.add(stream);
        stream.deliver(this.greeting());
      }
    });
    return stream;
  }

  #take(stream: ClientStream, request: BatchRequest): void {
    const sent = this.keepsBatches ? { ...request, operations: request.operations.map(asSent) } : request;
    if (this.keepsBatches) this.received.push(sent);
    setImmediate(() => {
      if (!this.up || this.frozen || stream.closed) return;
      const response = this.answer(sent);
      if (this.losesAnswer) {
        this.losesAnswer = false;
        this.kill();
      }
      if (response.results.length > 0) stream.deliver(response);
    });
  }

  greeting(): BatchResponse {
    return { ...this.#response([]), node: this.node, role: this.role, shard: this.shardName };
  }

  /** Tells all clients who it is, as after a change of its part. */
  greet(): void {
    for (const stream of this.streams) stream.deliver(this.greeting());
  }

  /** Carries a batch out. */
  answer(request: BatchRequest): BatchResponse {
    const results: Result[] = [];
    for (const operation of request.operations) {
      const outcome = this.intercept?.(operation, request) ?? this.#execute(operation, request);
      if (outcome !== 'drop') results.push({ request: operation.request, outcome });
    }
    return this.#response(results);
  }

  #response(results: readonly Result[]): BatchResponse {
    const epoch = this.applied?.epoch ?? this.shard.epoch;
    const { stalenessMs } = this;
    return { results, node: '', role: undefined, shard: '', epoch, timestamp: this.shard.clock, stalenessMs };
  }

  #execute(operation: Operation, request: BatchRequest): Outcome {
    if (request.shard !== '' && request.shard !== this.shardName) return { kind: 'wrong-shard', topology: undefined };
    const { shard } = this;
    if (operation.kind === 'malformed') return { kind: 'invalid', cause: 'malformed', message: 'malformed' };
    if (operation.kind === 'get') {
      const shown = this.applied ?? { epoch: shard.epoch, position: shard.position };
      if (operation.consistency === 'strong' && this.role !== 'primary')
        return { kind: 'not-primary', epoch: shard.epoch };
      if (operation.after !== undefined && comparePositions(shown, operation.after) < 0) {
        return { kind: 'too-stale', applied: shown, stalenessMs: this.stalenessMs };
      }
      return shard.read(operation, shown.position);
    }
    if (this.role !== 'primary') return { kind: 'not-primary', epoch: shard.epoch };
    return shard.write(operation, request.client, this.keepsBatches);
  }
}

/** An operation as it is at the time of sending, which is when it is encoded. */
function asSent(operation: Operation): Operation {
  if (operation.kind !== 'atomic') return { ...operation };
  return { ...operation, writes: operation.writes.map((write) => ({ ...write })) };
}

export function fakeStats(node: FakeNode): NodeStats {
  const { shard, role, stalenessMs } = node;
  const lastEntry = { epoch: shard.epoch, position: shard.position };
  return {
    ...idleStats({ node: node.node, shard: node.shardName, role, stalenessMs, lastEntry }),
    recordCount: shard.records.size,
    writeCount: shard.writeCount,
    keyspaces: shard.keyspaceStats(),
  };
}
