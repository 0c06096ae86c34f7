/**
 * Writes the records of an input, many at a time.
 *
 * Guarantees: memory is bounded by what is in flight; when it ends early, every line before `nextLine` is certainly
 * written (or blank, or of a record whose deadline has passed), because a line counts only once its write was
 * acknowledged; of two lines with one key the later one wins, because they are never in flight together. Lines behind
 * `nextLine` may be written already: to write them again does no harm.
 */
import type { Client, PutEntry } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import { messageOf } from './file-error.ts';
import type { InputLine, LineChunk } from './input-lines.ts';
import { parseRecordLine } from './record-line.ts';

/** Enough to keep every shard busy while the next lines are read. */
const maxBatches = 4;
/** Of one batch: with large values, memory is bounded by this and not by the count. */
const maxBatchBytes = 4 * 1024 * 1024;

export interface ImportOptions {
  /** Earlier lines are skipped. */
  readonly fromLine: number;
  readonly batchRecords: number;
  readonly ack: Ack | undefined;
  readonly timeoutMs: number;
  /** Reads no more and waits for what is in flight. */
  readonly stopReading: AbortSignal;
  /** Waits for nothing any more. */
  readonly giveUp: AbortSignal;
  readonly onProgress: (bytesRead: number, written: number) => void;
}

export interface ImportReport {
  readonly written: number;
  /** Records whose deadline had passed. */
  readonly expired: number;
  /** Lines that were read, the skipped ones included. */
  readonly lineCount: number;
  readonly writtenByShard: ReadonlyMap<string, number>;
  /** Where to go on; undefined: all is done. */
  readonly nextLine: number | undefined;
  /** What was wrong there. */
  readonly error: EdisError | undefined;
  /** The line itself is wrong, and must be corrected first. */
  readonly badLine: boolean;
}

interface Pending {
  readonly line: number;
  readonly record: PutEntry;
}

export class ImportRun {
  readonly #client: Client;
  readonly #options: ImportOptions;
  readonly #inFlight = new Set<Promise<void>>();
  /** Keys of the batch and of what is in flight. */
  readonly #busyKeys = new Set<string>();
  readonly #writtenByShard = new Map<string, number>();
  #batch: Pending[] = [];
  #batchBytes = 0;
  #written = 0;
  #expired = 0;
  #bytesRead = 0;
  #lineCount = 0;
  /** Of the first line that could not be written. */
  #failure: { readonly line: number; readonly error: EdisError; readonly badLine: boolean } | undefined;
  #nextLine: number;

  constructor(client: Client, options: ImportOptions) {
    this.#client = client;
    this.#options = options;
    this.#nextLine = options.fromLine;
  }

  async run(chunks: AsyncIterable<LineChunk>): Promise<ImportReport> {
    const interrupted = !(await this.#readAll(chunks));
    if (!interrupted) this.#send();
    const unsent = this.#batch[0]?.line ?? this.#nextLine;
    await this.#settled();
    this.#options.onProgress(this.#bytesRead, this.#written);
    const failure = this.#failure;
    return {
      written: this.#written,
      expired: this.#expired,
      lineCount: this.#lineCount,
      writtenByShard: this.#writtenByShard,
      nextLine: failure?.line ?? (interrupted ? unsent : undefined),
      error: failure?.error ?? (interrupted ? new EdisError('aborted', 'interrupted') : undefined),
      badLine: failure?.badLine ?? false,
    };
  }

  /** False: it was told to stop. */
  async #readAll(chunks: AsyncIterable<LineChunk>): Promise<boolean> {
    const { stopReading } = this.#options;
    try {
      for await (const { lines, bytesRead } of chunks) {
        this.#bytesRead = bytesRead;
        for (const line of lines) {
          if (stopReading.aborted) return false;
          await this.#take(line);
          if (this.#failure !== undefined) return true;
        }
      }
      return !stopReading.aborted;
    } catch (caught) {
      if (stopReading.aborted) return false;
      const reason = messageOf(caught);
      this.#fail(
        this.#nextLine,
        new EdisError('disk', `the input cannot be read: ${reason}`, { cause: caught }),
        false,
      );
      return true;
    }
  }

  async #take(line: InputLine): Promise<void> {
    const { number, text } = line;
    this.#lineCount = number;
    if (number < this.#options.fromLine) return;
    if (text?.trim() !== '') {
      const record = this.#parse(line);
      if (record === undefined) return;
      await this.#add({ line: number, record });
    }
    this.#nextLine = number + 1;
  }

  #parse({ number, text, fault = '' }: InputLine): PutEntry | undefined {
    try {
      if (text === undefined) throw new EdisError('invalid-argument', fault);
      return parseRecordLine(text);
    } catch (caught) {
      this.#fail(number, EdisError.from(caught), true);
      return undefined;
    }
  }

  async #add(pending: Pending): Promise<void> {
    const { key, value } = pending.record;
    const id = keyId(key);
    if (this.#busyKeys.has(id)) {
      this.#send();
      await this.#settled();
    }
    this.#busyKeys.add(id);
    this.#batch.push(pending);
    this.#batchBytes += key.length + value.length;
    if (this.#batch.length < this.#options.batchRecords && this.#batchBytes < maxBatchBytes) return;
    this.#send();
    while (this.#inFlight.size >= maxBatches) await Promise.race(this.#inFlight);
  }

  #send(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    const sent: Promise<void> = Promise.all(batch.map((pending) => this.#write(pending))).then(() => {
      for (const { record } of batch) this.#busyKeys.delete(keyId(record.key));
      this.#inFlight.delete(sent);
      this.#options.onProgress(this.#bytesRead, this.#written);
    });
    this.#inFlight.add(sent);
  }

  /** Never rejects. */
  async #write({ line, record }: Pending): Promise<void> {
    const { key, value, metadata, ttlMs, expiresAtMs } = record;
    const { ack, timeoutMs, giveUp: signal } = this.#options;
    try {
      const options = { metadata, ttlMs, expiresAtMs, ack, timeoutMs, signal };
      const { shard } = await this.#client.put(key, value, options);
      this.#written += 1;
      this.#writtenByShard.set(shard, (this.#writtenByShard.get(shard) ?? 0) + 1);
    } catch (caught) {
      const error = EdisError.from(caught);
      // By the shard's clock: this machine's may be ahead, and a record left out for it would be lost.
      if (error.code === 'expired') this.#expired += 1;
      else this.#fail(line, error, false);
    }
  }

  #fail(line: number, error: EdisError, badLine: boolean): void {
    if (this.#failure === undefined || line < this.#failure.line) this.#failure = { line, error, badLine };
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }
}

/** Text and bytes of one key are the same key. */
function keyId(key: PutEntry['key']): string {
  return Buffer.from(key).toString('latin1');
}
