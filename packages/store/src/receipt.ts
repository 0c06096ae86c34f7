import type { Bytes, Position } from '@edis/core';
import type { ChangeLog } from './change-log.ts';
import { damaged } from './damage.ts';
import type { Disk, DiskFile } from './disk.ts';
import { decodeEntry } from './entry-codec.ts';
import type { Entry, LoggedOperation } from './logged-operation.ts';
import { pathOf } from './node-disk.ts';

const readBytesMax = 1024 * 1024;
const suffix = '.ndjson';
/** Beside the receipts, not among them: whoever looks there finds whole ones only. */
const newFileName = 'receipt.new';
const newline = 0x0a;

/** What became of entries that were discarded. Without a write among those in the log there is no file. */
export interface Receipt {
  readonly path: string;
  readonly operationCount: number;
  /** Entries that were discarded as well, and stand in no receipt: they had left the log before. */
  readonly missingEntries: number;
}

interface ReceiptPlace {
  /** Of the store, made safe when a receipt is. */
  readonly path: string;
  readonly receiptsPath: string;
}

/**
 * What a member must discard, it first writes down: one file for each cut, one JSON document a line for each write to
 * a record, with its version and operation id, so that a person (or an import) can bring back what matters.
 *
 * Guarantees: a receipt is safe when `write` returns, and has its name only when it is whole; from then on it is never
 * gone for a moment. A cut that discards no write (only that an epoch was opened, say) leaves no file. Entries that
 * have left the log, as only an unsafe promotion makes other members discard, are counted and announced.
 *
 * A cut that broke off behind its receipt is made again after the next start. If the log is still whole, the receipt
 * gets the same name and takes the other's place with the same content: within an epoch only one primary writes, so
 * that an entry's position and epoch stand for all before it. If the newest files of the log were gone already, it gets
 * another name and repeats the first part of what the other has: two receipts tell of the same versions then.
 *
 * Assumes that nothing is written any more after a `write` that failed: what a sync that failed has lost, the next one
 * would not tell of.
 */
export class Receipts {
  readonly #disk: Disk;
  readonly #place: ReceiptPlace;
  /** Writes in each file, by path. */
  readonly #counts = new Map<string, number>();
  readonly #listeners: ((receipt: Receipt) => void)[] = [];

  private constructor(disk: Disk, place: ReceiptPlace) {
    this.#disk = disk;
    this.#place = place;
  }

  /** Counts what the directory has. */
  static async open(disk: Disk, place: ReceiptPlace): Promise<Receipts> {
    const receipts = new Receipts(disk, place);
    // One that was never finished: all that it has is still in the log.
    await disk.remove(receipts.#newPath);
    for (const name of await disk.list(place.receiptsPath)) {
      const path = pathOf(place.receiptsPath, name);
      if (name.endsWith(suffix)) receipts.#counts.set(path, await countLines(disk, path));
    }
    return receipts;
  }

  /** Files. */
  get count(): number {
    return this.#counts.size;
  }

  /** Writes in all files. */
  get operationCount(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  get #newPath(): string {
    return pathOf(this.#place.path, newFileName);
  }

  onWritten(listener: (receipt: Receipt) => void): void {
    this.#listeners.push(listener);
  }

  /** Writes and syncs a receipt of the entries above a position, as far as the log has them. */
  async write(log: ChangeLog, discardedAbove: number, last: Position): Promise<void> {
    if (discardedAbove >= last.position) return;
    const above = Math.min(last.position, Math.max(discardedAbove, log.firstPosition - 1));
    const missingEntries = above - discardedAbove;
    const name = `${above + 1}-${last.position}-epoch-${last.epoch}${suffix}`;
    const path = pathOf(this.#place.receiptsPath, name);
    const operationCount = await this.#writeNew(log, above, last);
    if (operationCount > 0) await this.#publish(path, operationCount);
    else if (missingEntries === 0) return;
    for (const listener of this.#listeners) listener({ path, operationCount, missingEntries });
  }

  /** The new file is whole and synced: it gets its name, which is safe when this returns. */
  async #publish(path: string, operationCount: number): Promise<void> {
    const { receiptsPath, path: storePath } = this.#place;
    await this.#disk.makeDirectory(receiptsPath);
    await this.#disk.rename(this.#newPath, path);
    await this.#disk.syncDirectory(receiptsPath);
    await this.#disk.syncDirectory(storePath);
    this.#counts.set(path, operationCount);
  }

  /** Returns how many writes the new file has; without any there is none. */
  async #writeNew(log: ChangeLog, above: number, last: Position): Promise<number> {
    let file: DiskFile | undefined;
    let operationCount = 0;
    try {
      for (let next = above + 1; next <= last.position; ) {
        const read = await log.read(next, readBytesMax);
        if (read === undefined || read.bodies.length === 0) {
          throw damaged(`the log of ${this.#place.path} lacks entry ${next}`);
        }
        for (const body of read.bodies) {
          const position = next;
          const fault = (what: string) => damaged(`entry ${position} of ${this.#place.path} is malformed: ${what}`);
          const lines = linesOf(decodeEntry(body, fault));
          next += 1;
          if (lines.length === 0) continue;
          file ??= this.#disk.open(this.#newPath);
          file.append([Buffer.from(lines.join(''))]);
          operationCount += lines.length;
        }
      }
      await file?.sync();
    } finally {
      await file?.close();
    }
    return operationCount;
  }
}

async function countLines(disk: Disk, path: string): Promise<number> {
  const file = disk.open(path);
  try {
    let count = 0;
    for (let offset = 0; offset < file.size; ) {
      const bytes = await file.read(offset, readBytesMax);
      if (bytes.length === 0) break;
      for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count += 1;
      offset += bytes.length;
    }
    return count;
  } finally {
    await file.close();
  }
}

function linesOf(entry: Entry): string[] {
  const lines: string[] = [];
  for (const [index, operation] of entry.operations.entries()) {
    // An epoch is opened anew, and info tells of keyspaces: neither is anybody's data.
    if (operation.kind === 'open' || operation.kind === 'keyspace' || operation.kind === 'drop') continue;
    lines.push(`${JSON.stringify(lineOf(entry, operation, entry.timestamp + index))}\n`);
  }
  return lines;
}

function lineOf(entry: Entry, operation: LoggedOperation, version: number): object {
  return {
    kind: operation.kind,
    keyspace: operation.keyspace,
    key: textOf(operation.key),
    ...(operation.kind === 'put' ? { value: textOf(operation.value) } : {}),
    ...(operation.metadata === undefined ? {} : { metadata: operation.metadata }),
    ...(operation.expiresAtMs === 0 ? {} : { expiresAtMs: operation.expiresAtMs }),
    version,
    epoch: entry.epoch,
    position: entry.position,
    ...(operation.client === ''
      ? {}
      : { client: Buffer.from(operation.client, 'latin1').toString('hex'), sequence: operation.sequence }),
  };
}

/** As the CLI prints bytes: text where it is UTF-8, else base64. */
function textOf(bytes: Bytes): string | { readonly base64: string } {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
  const text = buffer.toString('utf8');
  return Buffer.from(text).equals(buffer) ? text : { base64: buffer.toString('base64') };
}
