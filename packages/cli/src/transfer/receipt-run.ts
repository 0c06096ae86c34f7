/**
 * Brings back what stands in a receipt, unless something newer is there.
 *
 * Guarantees: of each key only its last write in the receipt counts; it is carried out only over an older record, or
 * where there is none, and never over what somebody writes meanwhile. A write that its client repeated under its
 * operation id is newer at the new primary, whose clock is far ahead, so it is left out as well. To import a receipt
 * again does no harm.
 * Assumes that the same lines can be read twice; memory is bounded by the keys of the receipt, not by its values.
 */
import type { ByteKeyspace, Client } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import type { InputLine, LineChunk } from './input-lines.ts';
import type { ReceiptLine } from './receipt-line.ts';
import { parseReceiptLine } from './receipt-line.ts';

/** Enough to keep every shard busy while the next lines are read. */
const maxInFlight = 256;

export interface ReceiptOptions {
  readonly ack: Ack | undefined;
  readonly timeoutMs: number;
  /** Reads no more and waits for what is in flight. */
  readonly stopReading: AbortSignal;
  readonly onProgress: (bytesRead: number, written: number) => void;
}

/** What became of the writes. */
export interface ReceiptReport {
  readonly written: number;
  readonly removed: number;
  /** Left out: a later line of the receipt, or of the shard, is about the same key; or there is nothing to remove. */
  readonly newer: number;
  /** Left out: the deadline has passed. */
  readonly expired: number;
  /** Left out: the keyspace is no more. */
  readonly dropped: number;
  readonly writtenByShard: ReadonlyMap<string, number>;
  /** Why it ended early; undefined: all is done. */
  readonly error: EdisError | undefined;
}

export class ReceiptRun {
  readonly #client: Client;
  readonly #options: ReceiptOptions;
  /** Number of the last line about each key. */
  readonly #lastLines = new Map<string, number>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #writtenByShard = new Map<string, number>();
  readonly #counts = { written: 0, removed: 0, newer: 0, expired: 0, dropped: 0 };
  #error: EdisError | undefined;

  constructor(client: Client, options: ReceiptOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** @param read begins to read the receipt, anew at each call */
  async run(read: () => AsyncIterable<LineChunk>): Promise<ReceiptReport> {
    await this.#each(read(), (line, number) => {
      this.#lastLines.set(idOf(line), number);
    });
    if (this.#error === undefined) await this.#each(read(), (line, number) => this.#begin(line, number));
    await Promise.all(this.#inFlight);
    return { ...this.#counts, writtenByShard: this.#writtenByShard, error: this.#error };
  }

  async #each(
    chunks: AsyncIterable<LineChunk>,
    take: (line: ReceiptLine, number: number) => Promise<void> | void,
  ): Promise<void> {
    for await (const { lines, bytesRead } of chunks) {
      for (const line of lines) {
        if (line.text?.trim() === '') continue;
        if (this.#options.stopReading.aborted) this.#error ??= new EdisError('aborted', 'interrupted');
        if (this.#error !== undefined) return;
        const parsed = this.#parse(line);
        if (parsed !== undefined) await take(parsed, line.number);
      }
      this.#options.onProgress(bytesRead, this.#counts.written);
    }
  }

  #parse({ number, text, fault = '' }: InputLine): ReceiptLine | undefined {
    try {
      if (text === undefined) throw new EdisError('invalid-argument', fault);
      return parseReceiptLine(text);
    } catch (caught) {
      this.#fail(number, EdisError.from(caught));
      return undefined;
    }
  }

  async #begin(line: ReceiptLine, number: number): Promise<void> {
    if (this.#lastLines.get(idOf(line)) !== number) {
      this.#counts.newer += 1;
      return;
    }
    const keyspace = this.#client.topology().keyspaces.find(({ id }) => id === line.keyspace);
    if (keyspace === undefined) {
      this.#counts.dropped += 1;
      return;
    }
    const carried: Promise<void> = this.#carryOut(this.#client.keyspace(keyspace.name), line)
      .catch((caught: unknown) => this.#fail(number, EdisError.from(caught)))
      .then(() => {
        this.#inFlight.delete(carried);
      });
    this.#inFlight.add(carried);
    while (this.#inFlight.size >= maxInFlight) await Promise.race(this.#inFlight);
  }

  async #carryOut(keyspace: ByteKeyspace, line: ReceiptLine): Promise<void> {
    const { ack, timeoutMs } = this.#options;
    const found = await keyspace.get(line.key, { consistency: 'strong', timeoutMs });
    if ((found?.version ?? 0) > line.version || (found === undefined && line.kind !== 'put')) {
      this.#counts.newer += 1;
      return;
    }
    if (line.kind !== 'put') {
      const { applied } = await keyspace.delete(line.key, { ifVersion: found?.version, ack, timeoutMs });
      this.#counts[applied ? 'removed' : 'newer'] += 1;
      return;
    }
    const condition = found === undefined ? { ifAbsent: true } : { ifVersion: found.version };
    const life = line.expiresAtMs === 0 ? { ttlMs: 'never' as const } : { expiresAtMs: line.expiresAtMs };
    const { metadata } = line;
    try {
      const options = { ...condition, ...life, metadata, ack, timeoutMs };
      const { applied, shard } = await keyspace.put(line.key, line.value, options);
      this.#counts[applied ? 'written' : 'newer'] += 1;
      if (applied) this.#writtenByShard.set(shard, (this.#writtenByShard.get(shard) ?? 0) + 1);
    } catch (caught) {
      const error = EdisError.from(caught);
      if (error.code !== 'expired') throw error;
      this.#counts.expired += 1;
    }
  }

  #fail(number: number, error: EdisError): void {
    const { code, message } = error;
    this.#error ??= new EdisError(code, `line ${number}: ${message}`, { cause: error });
  }
}

/** Text and bytes of one key are the same key. */
function idOf({ keyspace, key }: ReceiptLine): string {
  return `${keyspace} ${Buffer.from(key).toString('latin1')}`;
}
