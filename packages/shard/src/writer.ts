import type {
  Ack,
  Admission,
  AtomicOperation,
  BatchRequest,
  BusyCause,
  ByteString,
  HybridClock,
  KeyspaceSettings,
  LeadingGroup,
  Outcome,
  SingleWriteOperation,
  VisibleWatermark,
} from '@edis/core';
import {
  defaultKeyspaceSettings,
  EdisError,
  leastMembersFor,
  outcomeOfUnwritten,
  outcomeOfWrite,
  unreachable,
} from '@edis/core';
import type { EncodedEntry, LoggedOperation, Store } from '@edis/store';
import type { Counters } from './counters.ts';
import type { BatchOrigin } from './result-sink.ts';
import type { Safety } from './safety.ts';
import { WriteAnswers } from './write-answers.ts';
import { WriteBatch } from './write-batch.ts';
import { WriteGroup } from './write-group.ts';
import type { QueuedItem } from './write-item.ts';
import { bytesOfWrite, firstSequenceOf, lastSequenceOf, QueuedAtomic, QueuedWrite } from './write-item.ts';
import { WriteRepetition } from './write-repetition.ts';
import { WriteResolver } from './write-resolver.ts';

/** Up to that many clients each of their batches is a commit group. */
const fewClients = 4;

export interface WriterParts {
  readonly store: Store;
  readonly group: LeadingGroup;
  /** It leads, takes writes, and holds its lease in this moment. */
  readonly mayWrite: () => boolean;
  readonly clock: HybridClock;
  readonly watermark: VisibleWatermark;
  readonly admission: Admission;
  readonly safety: Safety;
  readonly counters: Counters;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  /** Streams of clients that are open. */
  readonly clientCount: () => number;
  /** The log grew: followers may be sent the entry. */
  readonly onAppended: (position: number, entry: EncodedEntry) => void;
  /** `visible` may have moved. */
  readonly onProgress: () => void;
  /** A record that a write had to look at can not be read. */
  readonly onUnreadable: (error: EdisError) => void;
}

/**
 * The primary's write path: bounded queue → commit group → log entry → acknowledgement.
 *
 * Guarantees: the writes of one event-loop turn become as few entries as what they must look at allows, in the order in
 * which they came; a write is acknowledged only at its ack level; one with a known operation id is answered from
 * memory and never applied twice, whether the repetition or the original arrives first.
 * Assumes that all calls come from one event loop.
 *
 * Within a group nothing is in the overlay yet. A write that must look (a condition, a delete) therefore closes the
 * group before it when the group already has its key; and one whose number does not rise within the group, which may be
 * a repetition of one that is in it, when the group has its client. It then sees what it must.
 */
export class Writer {
  readonly #parts: WriterParts;
  readonly #answers: WriteAnswers;
  readonly #repetition: WriteRepetition;
  readonly #resolver: WriteResolver;
  readonly #batch: WriteBatch;
  readonly #group = new WriteGroup();
  #queue: QueuedItem[] = [];
  #scheduled = false;
  #stopped = false;
  #failure: Outcome | undefined;
  /** Of the turn that is being committed: one time for all of its writes. */
  #nowMs = 0;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    const { store, clock, watermark, onUnreadable } = parts;
    const closeGroup = (): void => this.#closeGroup();
    this.#answers = new WriteAnswers(parts);
    this.#repetition = new WriteRepetition({ operationIds: store.operationIds, clock });
    this.#resolver = new WriteResolver({ store, group: this.#group, closeGroup, onUnreadable });
    this.#batch = new WriteBatch({ group: this.#group, resolver: this.#resolver, watermark, closeGroup });
  }

  /** Takes a checked write in; an outcome at once when it can not be queued. */
  enqueue(operation: SingleWriteOperation, slot: number, source: BatchOrigin): Outcome | undefined {
    const bytes = bytesOfWrite(operation);
    const refused = this.#enter(source, bytes);
    if (refused !== undefined) return refused;
    this.#queue.push(new QueuedWrite(operation, slot, bytes, source));
    this.#schedule();
    return undefined;
  }

  /** Takes a checked batch in, with the slot of each of its writes. */
  enqueueAtomic(operation: AtomicOperation, slots: readonly number[], source: BatchOrigin): Outcome | undefined {
    let bytes = 0;
    for (const write of operation.writes) bytes += bytesOfWrite(write);
    const refused = this.#enter(source, bytes);
    if (refused !== undefined) return refused;
    this.#queue.push(new QueuedAtomic(operation, slots, bytes, source));
    this.#schedule();
    return undefined;
  }

  #enter({ sink }: BatchOrigin, bytes: number): Outcome | undefined {
    const { group, admission, counters } = this.#parts;
    if (this.#failure !== undefined) return this.#failure;
    if (this.#stopped || group.state.kind === 'opening') return this.#notPrimary();
    const cause = this.#fullCause() ?? admission.enter(sink.share, bytes);
    if (cause === undefined) return undefined;
    counters.busy += 1;
    return { kind: 'busy', cause, retryAfterMs: admission.retryAfterMs() };
  }

  #fullCause(): BusyCause | undefined {
    const { store, safety, group } = this.#parts;
    if (!store.hasRoom()) return 'overlay';
    if (group.isFull) return 'unreplicated';
    return safety.isFull ? 'queue-operations' : undefined;
  }

  /**
   * Logs operations of the shard's own as one entry, behind all that was logged before. Nobody waits for its sync.
   * Undefined when this is not the time: the shard does not write now.
   */
  log(operations: readonly LoggedOperation[]): number | undefined {
    if (this.#failure !== undefined || this.#stopped || !this.#parts.mayWrite()) return undefined;
    const { clock, wallMs } = this.#parts;
    const timestamp = clock.take(operations.length, wallMs());
    try {
      return this.#append(operations, timestamp, new Map(), 'memory');
    } catch (caught) {
      // The store has told its listeners; whoever logs for itself has nobody to answer.
      if (this.#parts.store.failure === undefined) throw caught;
      return undefined;
    } finally {
      this.#parts.onProgress();
    }
  }

  /** Takes no more writes; those that were taken are carried out. */
  stop(): void {
    this.#stopped = true;
  }

  /** No write waits for its group or for its sync. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#parts.safety.size === 0;
  }

  /** The log is safer than it was, or the lease is held again. */
  onProgress(): void {
    this.#answers.release();
    if (this.#queue.length > 0) this.#schedule();
  }

  /** The members that are left are too few for `quorum` writes. */
  giveUpQuorum(): void {
    this.#answers.giveUpQuorum();
  }

  /** The store failed: nothing more is written, and who waits is told that the outcome is unknown. */
  onFailed(error: EdisError): void {
    const outcome = this.#answers.fail(error.message);
    this.#failure = outcome;
    this.#answerQueue(outcome);
  }

  /** Another one is the primary now, or will be: what was logged may or may not survive, what was not goes there. */
  abandon(): void {
    this.#stopped = true;
    this.#answers.fail('this node is the primary no longer');
    this.#answerQueue(this.#notPrimary());
  }

  #answerQueue(outcome: Outcome): void {
    const { admission } = this.#parts;
    for (const item of this.#queue.splice(0)) {
      admission.leave(item.source.sink.share, item.bytes);
      this.#answers.now(item, outcome);
    }
    this.#answers.flush();
  }

  #notPrimary(): Outcome {
    return { kind: 'not-primary', epoch: this.#parts.group.configuration.epoch };
  }

  /**
   * A commit group ends with the turn of the event loop. With few clients there is nobody else to wait for in this
   * turn: committing within the callback that brought the batch saves a round of the loop, a third of a lone caller's
   * latency, because what is written to an HTTP/2 stream inside the callback of a read leaves with its end.
   */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const commit = (): void => this.#commitTurn();
    if (this.#parts.clientCount() <= fewClients) process.nextTick(commit);
    else setImmediate(commit);
  }

  #commitTurn(): void {
    this.#scheduled = false;
    // Without its lease, or while it hands over, what was taken waits: for `onProgress`, or for the next primary.
    if (!this.#parts.mayWrite()) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#nowMs = this.#parts.wallMs();
    const { admission } = this.#parts;
    for (const item of queue) {
      admission.leave(item.source.sink.share, item.bytes);
      this.#take(item);
    }
    this.#closeGroup();
    admission.noteTime(this.#parts.monotonicMs());
    this.#parts.onProgress();
    this.#answers.flush();
  }

  /** Decides about one item: an answer now, or a place in the group. */
  #take(item: QueuedItem): void {
    const sequence = firstSequenceOf(item);
    const { client } = item.source.batch;
    if (sequence > 0) {
      if (this.#group.sequenceOf(client) >= sequence) this.#closeGroup();
      if (this.#isSettled(item)) return;
    }
    const { group } = this.#parts;
    if (item.ack === 'quorum' && !group.hasQuorum) {
      const { members, configuredSize } = group.configuration;
      this.#answers.now(item, { kind: 'no-quorum', members: members.length, needed: leastMembersFor(configuredSize) });
      return;
    }
    const settings = this.#resolver.settingsOf(item.operation.keyspace);
    if ('kind' in settings) {
      this.#answers.now(item, settings);
      return;
    }
    const isGrouped = item instanceof QueuedAtomic ? this.#takeAtomic(item, settings) : this.#takeWrite(item, settings);
    if (!isGrouped) return;
    if (sequence > 0) this.#group.noteSequence(client, lastSequenceOf(item));
    if (this.#group.isFull) this.#closeGroup();
  }

  /** True when the operation id settled the matter. */
  #isSettled(item: QueuedItem): boolean {
    const settlement = this.#repetition.settle(item, this.#nowMs);
    if (settlement === undefined) return false;
    const { counters } = this.#parts;
    if (settlement.kind === 'repeated') {
      counters.repeated += 1;
      if (item.ack === 'quorum' && !this.#parts.group.hasQuorum) {
        // What was written is on fewer stores than its writer asks for, and the members that are left can not tell.
        this.#answers.now(item, { kind: 'unavailable', message: 'the shard has too few members for a quorum' });
      } else this.#answers.remembered(item, settlement.outcome, settlement.position);
    } else {
      if (settlement.outcome.kind === 'busy') counters.busy += 1;
      this.#answers.now(item, settlement.outcome);
    }
    return true;
  }

  #takeWrite(write: QueuedWrite, settings: KeyspaceSettings): boolean {
    const { operation } = write;
    if (operation.kind === 'put' && operation.condition === undefined) {
      // Nearly all writes are this: nothing to look at, nothing to work out.
      if (operation.ttlMs !== 0 || operation.expiresAtMs !== 0 || settings !== defaultKeyspaceSettings) {
        const unwritten = this.#resolver.preparePut(write, settings, this.#nowMs);
        if (unwritten !== undefined) {
          this.#answers.now(write, outcomeOfUnwritten(unwritten, 0));
          return false;
        }
      }
      this.#group.add(write);
      return true;
    }
    const resolution = this.#resolver.resolve(write, settings, this.#nowMs);
    switch (resolution.kind) {
      case 'refused':
        if (resolution.outcome.kind === 'busy') this.#parts.counters.busy += 1;
        this.#answers.now(write, resolution.outcome);
        return false;
      case 'unwritten': {
        const position = Math.max(resolution.seen, this.#parts.watermark.visible);
        this.#answers.unwritten(write, outcomeOfUnwritten(resolution.decision, position), resolution.seen);
        return false;
      }
      case 'decided':
        write.become(resolution.write);
        write.observed = resolution.seen;
        this.#group.add(write);
        return true;
      default:
        return unreachable(resolution);
    }
  }

  #takeAtomic(item: QueuedAtomic, settings: KeyspaceSettings): boolean {
    const resolution = this.#batch.take(item, settings, this.#nowMs);
    if (resolution.kind === 'grouped') return true;
    if (resolution.outcome.kind === 'busy') this.#parts.counters.busy += 1;
    this.#answers.unwritten(item, resolution.outcome, resolution.seen);
    return false;
  }

  /** Appends the group as one entry. */
  #closeGroup(): void {
    if (this.#group.isEmpty) return;
    const group = this.#group.take();
    const { clock, wallMs } = this.#parts;
    const timestamp = clock.take(group.length, wallMs());
    const completed = new Map<ByteString, number>();
    let highest: Ack = 'memory';
    let batch: BatchRequest | undefined;
    for (const { source, ack } of group) {
      if (ack === 'quorum' || (ack === 'disk' && highest === 'memory')) highest = ack;
      if (source.batch === batch) continue;
      batch = source.batch;
      const { client, completedBelow } = batch;
      if (client !== '') completed.set(client, Math.max(completedBelow, completed.get(client) ?? 0));
    }
    let position: number;
    try {
      position = this.#append(group, timestamp, completed, highest);
    } catch (caught) {
      const outcome: Outcome = { kind: 'unavailable', message: EdisError.from(caught).message };
      for (const write of group) {
        if (write.atomic === undefined) this.#answers.now(write, outcome);
        else if (write.atomic.note(write.index, outcome)) this.#answers.now(write.atomic, outcome);
      }
      return;
    }
    this.#acknowledgeGroup(group, position, timestamp);
  }

  #append(
    operations: readonly LoggedOperation[],
    timestamp: number,
    completed: ReadonlyMap<ByteString, number>,
    ack: Ack,
  ): number {
    const { store, group, watermark, monotonicMs, onAppended } = this.#parts;
    const position = store.lastEntry.position + 1;
    const encoded = store.append({ position, epoch: group.since, timestamp, operations, completed });
    watermark.onAppended(position, ack);
    group.onAppended(position, encoded.body.length);
    if (ack === 'quorum') group.onQuorumWanted(position);
    if (ack !== 'memory') {
      group.onSyncWanted(position, monotonicMs());
      store.requestSync();
    }
    onAppended(position, encoded);
    return position;
  }

  #acknowledgeGroup(group: readonly QueuedWrite[], position: number, timestamp: number): void {
    this.#parts.counters.writes += group.length;
    let version = timestamp;
    for (const write of group) {
      const outcome = outcomeOfWrite(write, version, position);
      const { atomic } = write;
      if (atomic === undefined) this.#answers.logged(write, outcome, position);
      else if (atomic.note(write.index, outcome)) this.#answers.logged(atomic, atomic.outcome(position), position);
      version += 1;
    }
  }
}
