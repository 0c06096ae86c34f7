import type { Bytes, EdisError, Position } from '@edis/core';
import type { ChangeLog } from './change-log.ts';
import { damaged } from './damage.ts';
import type { DataDirectory } from './data-directory.ts';
import type { Disk } from './disk.ts';
import { decodeEntry } from './entry-codec.ts';
import type { Entry, LoggedOperation } from './logged-operation.ts';
import { pathOf } from './node-disk.ts';

/**
 * What a member must discard, it first writes down: one file for each cut, one JSON document a line for each operation,
 * with its version and operation id, so that a person (or an import) can bring back what matters.
 */
const readBytesMax = 1024 * 1024;

/** Writes and syncs a receipt of the entries above a position. */
export async function writeReceipt(
  disk: Disk,
  directory: DataDirectory,
  log: ChangeLog,
  above: number,
  last: Position,
): Promise<void> {
  await disk.makeDirectory(directory.receiptsPath);
  const path = pathOf(directory.receiptsPath, `${above + 1}-${last.position}-epoch-${last.epoch}.ndjson`);
  // A cut that a crash interrupted is begun anew, with its receipt.
  await disk.remove(path);
  const file = disk.open(path);
  try {
    for (let next = above + 1; next <= last.position; ) {
      const read = await log.read(next, readBytesMax);
      if (read === undefined || read.bodies.length === 0)
        throw damaged(`the log of ${directory.path} lacks entry ${next}`);
      for (const body of read.bodies) {
        const fault = (what: string): EdisError => damaged(`entry ${next} of ${directory.path} is malformed: ${what}`);
        file.append([Buffer.from(linesOf(decodeEntry(body, fault)))]);
        next++;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(directory.receiptsPath);
  await disk.syncDirectory(directory.path);
}

function linesOf(entry: Entry): string {
  let lines = '';
  for (const [index, operation] of entry.operations.entries()) {
    if (operation.kind === 'open') continue;
    lines += `${JSON.stringify(lineOf(entry, operation, entry.timestamp + index))}\n`;
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
