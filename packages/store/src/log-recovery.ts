import type { EdisError } from '@edis/core';
import { damaged } from './damage.ts';
import type { Disk } from './disk.ts';
import { decodeEntry, positionOfBody } from './entry-codec.ts';
import { checksumOf, frameHeaderBytes, maxBodyBytes, readFrameHeader } from './frame.ts';
import type { EncodedEntry, Entry } from './logged-operation.ts';
import { pathOf } from './node-disk.ts';
import { Segment, segmentName, segmentPosition } from './segment.ts';
import { ViewAheadError } from './set-aside.ts';
import { readUint64 } from './wire.ts';

/**
 * Opening a log after whatever ended its last process.
 *
 * Guarantees: what is returned is contiguous, passes its checks, and reaches from at most the view's next entry to at
 * least the view's last. A tail that may not have been synced and is broken (torn, or filled with zeros) is cut;
 * anything broken that was synced is EdisError 'damaged', which names file and offset. How it tells them apart:
 * every frame says up to which position the log was synced when it was written. So a broken frame is damage if the
 * view has folded it, or if any whole frame behind it, in this file or a later one, says that it was synced; else
 * nobody was promised anything about it.
 */
export interface RecoveredLog {
  readonly segments: Segment[];
  readonly lastPosition: number;
}

export interface RecoveryVisitor {
  /** Each entry above the view's position, in order. */
  onEntry(entry: Entry, encoded: EncodedEntry): void;
}

interface FoundSegment {
  readonly firstPosition: number;
  readonly path: string;
}

/** How often the scan of a long log lets other things happen. */
const entriesPerTurn = 2000;

export async function recoverLog(
  disk: Disk,
  directory: string,
  viewPosition: number,
  visitor: RecoveryVisitor,
): Promise<RecoveredLog> {
  const found = await findSegments(disk, directory);
  const first = found[0];
  if (first === undefined) {
    if (viewPosition > 0) {
      throw new ViewAheadError(`the log in ${directory} is missing, but the view is at entry ${viewPosition}`);
    }
    return { segments: [await makeSegment(disk, directory, 1)], lastPosition: 0 };
  }
  if (first.firstPosition > viewPosition + 1) {
    const gap = `the log in ${directory} begins at entry ${first.firstPosition}, but the view ends at ${viewPosition}`;
    throw damaged(gap);
  }
  const segments = openSegments(disk, found);
  const firstScanned = segments.findLastIndex((segment) => segment.firstPosition <= viewPosition + 1);
  const scan = new RecoveryScan(disk, directory, segments, viewPosition, visitor);
  const lastPosition = await scan.run(firstScanned);
  if (lastPosition < viewPosition) {
    throw new ViewAheadError(
      `the log in ${directory} ends at entry ${lastPosition}, but the view is at ${viewPosition}`,
    );
  }
  return { segments, lastPosition };
}

async function findSegments(disk: Disk, directory: string): Promise<FoundSegment[]> {
  const found: FoundSegment[] = [];
  for (const name of await disk.list(directory)) {
    const firstPosition = segmentPosition(name);
    if (firstPosition !== undefined) found.push({ firstPosition, path: pathOf(directory, name) });
  }
  return found.sort((a, b) => a.firstPosition - b.firstPosition);
}

function openSegments(disk: Disk, found: readonly FoundSegment[]): Segment[] {
  return found.map(({ firstPosition, path }, index) => {
    const next = found[index + 1];
    // The last entry of the newest one is found by the scan.
    return new Segment(firstPosition, disk.open(path), (next?.firstPosition ?? firstPosition) - 1);
  });
}

/** Makes an empty segment whose name outlives a power loss. */
export async function makeSegment(disk: Disk, directory: string, firstPosition: number): Promise<Segment> {
  const file = disk.open(pathOf(directory, segmentName(firstPosition)));
  await disk.syncDirectory(directory);
  return new Segment(firstPosition, file, firstPosition - 1);
}

class RecoveryScan {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segments: Segment[];
  readonly #viewPosition: number;
  readonly #visitor: RecoveryVisitor;

  constructor(disk: Disk, directory: string, segments: Segment[], viewPosition: number, visitor: RecoveryVisitor) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segments = segments;
    this.#viewPosition = viewPosition;
    this.#visitor = visitor;
  }

  /** Scans from a segment on, cuts a torn tail, and returns the last position. */
  async run(firstIndex: number): Promise<number> {
    let next = this.#segments[firstIndex]?.firstPosition ?? 1;
    for (let index = firstIndex; index < this.#segments.length; index++) {
      const segment = this.#segments[index];
      if (segment === undefined) break;
      if (segment.firstPosition < next) throw damaged(`${segment.path} repeats entries before ${next}`);
      if (segment.firstPosition > next) {
        const what = `entries ${next} to ${segment.firstPosition - 1} before ${segment.path} are missing`;
        await this.#cut(index - 1, this.#segments[index - 1]?.file.size ?? 0, next, what);
        return next - 1;
      }
      const bytes = await segment.file.read(0, segment.file.size);
      const end = await this.#scan(segment, bytes, next);
      next = end.nextPosition;
      segment.lastPosition = next - 1;
      if (end.offset < bytes.length) {
        const what = `entry ${next} in ${segment.path} at offset ${end.offset} fails its check`;
        await this.#cut(index, end.offset, next, what, bytes.subarray(end.offset));
        return next - 1;
      }
    }
    return next - 1;
  }

  async #scan(segment: Segment, bytes: Uint8Array, from: number): Promise<{ offset: number; nextPosition: number }> {
    let offset = 0;
    let position = from;
    for (let header = readFrameHeader(bytes, 0); header !== undefined; header = readFrameHeader(bytes, offset)) {
      const bodyStart = offset + frameHeaderBytes;
      const bodyEnd = bodyStart + header.bodyLength;
      if (bodyEnd > bytes.length) break;
      const body = bytes.subarray(bodyStart, bodyEnd);
      if (checksumOf(body) !== header.bodyChecksum) break;
      segment.note(position, offset);
      if (position > this.#viewPosition) this.#visit(segment, offset, position, body, header.bodyChecksum);
      offset = bodyEnd;
      position++;
      if (position % entriesPerTurn === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return { offset, nextPosition: position };
  }

  #visit(segment: Segment, offset: number, position: number, body: Uint8Array, checksum: number): void {
    const where = `entry ${position} in ${segment.path} at offset ${offset}`;
    const fault = (what: string): EdisError => damaged(`${where} is malformed: ${what}`);
    const entry = decodeEntry(body, fault);
    if (entry.position !== position) throw damaged(`${where} says that it is entry ${entry.position}`);
    // A copy: the segment's bytes as a whole would be pinned by it.
    this.#visitor.onEntry(entry, { body: Uint8Array.from(body), checksum });
  }

  /** Cuts the log before an entry, unless it is known to have been synced. */
  async #cut(index: number, offset: number, position: number, what: string, rest?: Uint8Array): Promise<void> {
    if (position <= this.#viewPosition) throw damaged(`${what}, though it was synced`);
    let synced = rest === undefined ? 0 : syncedEvidence(rest, position, bodyEndOf(rest));
    for (const later of this.#segments.slice(index + 1)) {
      if (synced >= position) break;
      synced = Math.max(synced, syncedEvidence(await later.file.read(0, later.file.size), position, 0));
    }
    if (synced >= position) throw damaged(`${what}, though it was synced`);
    for (const later of this.#segments.splice(index + 1).reverse()) {
      await later.retire();
      await this.#disk.remove(later.path);
    }
    await this.#disk.syncDirectory(this.#directory);
    const segment = this.#segments[index];
    if (segment === undefined) return;
    await segment.truncateAfter(position - 1, offset);
    await segment.file.sync();
  }
}

/** Where the body ends that these bytes begin with, if its header is whole: what lies in a body says nothing. */
function bodyEndOf(bytes: Uint8Array): number {
  const header = readFrameHeader(bytes, 0);
  return header === undefined ? 0 : frameHeaderBytes + header.bodyLength;
}

/**
 * The highest synced position that whole frames of later entries than `position` tell of, anywhere in these bytes from
 * there on. (A client's value may hold a copy of frames.)
 */
function syncedEvidence(bytes: Uint8Array, position: number, from: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let synced = 0;
  for (let at = from; at + frameHeaderBytes < bytes.length; at++) {
    // Most places are ruled out by these two numbers, before anything is summed up.
    const bodyLength = view.getUint32(at, true);
    if (bodyLength === 0 || bodyLength > maxBodyBytes || bodyLength > bytes.length - at - frameHeaderBytes) continue;
    if (readUint64(view, at + 8) > Number.MAX_SAFE_INTEGER) continue;
    const header = readFrameHeader(bytes, at);
    if (header === undefined) continue;
    const bodyEnd = at + frameHeaderBytes + header.bodyLength;
    const body = bytes.subarray(at + frameHeaderBytes, bodyEnd);
    if (checksumOf(body) !== header.bodyChecksum || (positionOfBody(body) ?? 0) <= position) continue;
    synced = Math.max(synced, header.syncedPosition);
    at = bodyEnd - 1;
  }
  return synced;
}
