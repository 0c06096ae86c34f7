import { EdisError, invariant } from '@edis/core';
import { damaged } from './damage.ts';
import type { Disk } from './disk.ts';
import { positionOfBody } from './entry-codec.ts';
import { checksumOf, frameHeaderBytes, readFrameHeader, writeFrameHeader } from './frame.ts';
import type { RecoveryVisitor } from './log-recovery.ts';
import { makeSegment, recoverLog } from './log-recovery.ts';
import { LogTail } from './log-tail.ts';
import type { EncodedEntries, EncodedEntry } from './logged-operation.ts';
import { pathOf } from './node-disk.ts';
import { Segment, segmentName, segmentPosition } from './segment.ts';

/**
 * The change log's files: appended on the event loop, synced in groups beside it, read by followers.
 *
 * Guarantees: positions are contiguous across segments. `syncedPosition` covers only what was appended before the sync
 * that returned had started, and never an entry of a segment before all older segments and its own name are synced.
 * Assumes: one caller, who stops appending once a write or sync has failed.
 */
export interface ChangeLogOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly segmentBytes: number;
  onSynced(syncedPosition: number): void;
  onFailed(error: EdisError): void;
}

/** Followers that keep up read from memory; this is some hundred milliseconds of full load. */
const tailBytesMax = 8 * 1024 * 1024;
/** Files are read in windows of at least this size. */
const minWindowBytes = 256 * 1024;

export class ChangeLog {
  readonly #options: ChangeLogOptions;
  readonly #tail: LogTail;
  #segments: Segment[];
  #lastPosition: number;
  #syncedPosition: number;
  #bytes = 0;
  /** Index in #segments from which files may have unsynced bytes. */
  #firstUnsynced = 0;
  #namesUnsynced = false;
  #sync: Promise<void> | undefined;
  #syncAgain = false;
  /** Its end is moving: a sync that began before would say of entries to come that they are safe. */
  #isCutting = false;
  #stopped = false;

  private constructor(options: ChangeLogOptions, segments: Segment[], lastPosition: number, tail: LogTail) {
    this.#options = options;
    this.#tail = tail;
    this.#segments = segments;
    this.#lastPosition = lastPosition;
    this.#syncedPosition = lastPosition;
    this.#firstUnsynced = segments.length - 1;
    for (const segment of segments) this.#bytes += segment.file.size;
  }

  /** Opens the log, visits the entries above the view's position, and syncs once all that it has. */
  static async open(options: ChangeLogOptions, viewPosition: number, visitor: RecoveryVisitor): Promise<ChangeLog> {
    const { disk, directory } = options;
    await disk.makeDirectory(directory);
    const tail = new LogTail(tailBytesMax);
    const { segments, lastPosition } = await recoverLog(disk, directory, viewPosition, {
      onEntry: (entry, encoded) => {
        tail.append(entry.position, encoded);
        visitor.onEntry(entry, encoded);
      },
    });
    // The process that wrote them may have died before its sync, or of one that failed: then the system may have them
    // in memory only, and take them for written. From here on they count as synced.
    for (const segment of segments) {
      if (segment.lastPosition <= viewPosition) continue;
      await segment.file.rewrite(segment.nearest(viewPosition + 1).offset);
      await segment.file.sync();
    }
    await disk.syncDirectory(directory);
    return new ChangeLog(options, segments, lastPosition, tail);
  }

  get lastPosition(): number {
    return this.#lastPosition;
  }

  get syncedPosition(): number {
    return this.#syncedPosition;
  }

  /** The oldest entry that it still has; one above the last when it has none. */
  get firstPosition(): number {
    return this.#segments[0]?.firstPosition ?? this.#lastPosition + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes one entry that lies in `frame` behind room for the frame's header. */
  append(position: number, frame: Buffer): EncodedEntry {
    const body = frame.subarray(frameHeaderBytes);
    const encoded = { body, checksum: checksumOf(body) };
    this.#fillHeader(frame, encoded);
    this.#write(position, [frame], [encoded]);
    return encoded;
  }

  /** Writes consecutive entries that were encoded elsewhere. */
  appendEncoded(firstPosition: number, entries: readonly EncodedEntry[]): void {
    const chunks: Uint8Array[] = [];
    for (const encoded of entries) {
      const header = Buffer.allocUnsafe(frameHeaderBytes);
      this.#fillHeader(header, encoded);
      chunks.push(header, encoded.body);
    }
    this.#write(firstPosition, chunks, entries);
  }

  #fillHeader(target: Buffer, encoded: EncodedEntry): void {
    writeFrameHeader(target, 0, {
      bodyLength: encoded.body.length,
      syncedPosition: this.#syncedPosition,
      bodyChecksum: encoded.checksum,
    });
  }

  #write(firstPosition: number, chunks: readonly Uint8Array[], entries: readonly EncodedEntry[]): void {
    invariant(firstPosition === this.#lastPosition + 1, 'entries are appended in order of their positions');
    const segment = this.#writable(firstPosition);
    let offset = segment.file.size;
    segment.file.append(chunks);
    this.#bytes += segment.file.size - offset;
    for (const encoded of entries) {
      const position = ++this.#lastPosition;
      segment.note(position, offset);
      offset += frameHeaderBytes + encoded.body.length;
      this.#tail.append(position, encoded);
    }
    segment.lastPosition = this.#lastPosition;
  }

  /** The segment that takes the next entry; rolls on when the newest one is full. */
  #writable(position: number): Segment {
    const newest = this.#segments[this.#segments.length - 1];
    if (newest !== undefined && newest.file.size < this.#options.segmentBytes) return newest;
    const file = this.#options.disk.open(pathOf(this.#options.directory, segmentName(position)));
    const segment = new Segment(position, file, position - 1);
    this.#segments.push(segment);
    this.#namesUnsynced = true;
    return segment;
  }

  /** Starts a sync, or has one start as soon as the running one has returned. */
  requestSync(): void {
    if (this.#stopped || this.#isCutting || this.#syncedPosition === this.#lastPosition) return;
    if (this.#sync !== undefined) {
      this.#syncAgain = true;
      return;
    }
    this.#sync = this.#runSyncs();
  }

  async #runSyncs(): Promise<void> {
    try {
      do {
        this.#syncAgain = false;
        await this.#syncOnce();
      } while (this.#syncAgain && !this.#stopped && this.#syncedPosition < this.#lastPosition);
      this.#sync = undefined;
    } catch (caught) {
      this.#sync = undefined;
      this.stop();
      this.#options.onFailed(EdisError.from(caught, 'disk'));
    }
  }

  async #syncOnce(): Promise<void> {
    const position = this.#lastPosition;
    const segments = this.#segments.slice(this.#firstUnsynced);
    const names = this.#namesUnsynced;
    this.#namesUnsynced = false;
    // In order: an entry must not be safe while one before it is not.
    for (const segment of segments) await segment.file.sync();
    if (names) await this.#options.disk.syncDirectory(this.#options.directory);
    const newest = segments[segments.length - 1];
    if (newest !== undefined) this.#firstUnsynced = Math.max(0, this.#segments.indexOf(newest));
    if (this.#stopped) return;
    this.#syncedPosition = position;
    this.#options.onSynced(position);
  }

  /**
   * Entries from a position on, at least one if there is one; undefined when the log no longer reaches back that far.
   */
  async read(fromPosition: number, maxBytes: number): Promise<EncodedEntries | undefined> {
    if (fromPosition > this.#lastPosition) return { firstPosition: fromPosition, bodies: [], checksums: [] };
    if (fromPosition < this.firstPosition) return undefined;
    const recent = this.#tail.read(fromPosition, maxBytes);
    if (recent !== undefined) return recent;
    const segment = this.#segmentOf(fromPosition);
    if (segment === undefined) return undefined;
    return segment.reading(async () => {
      const { offset } = await this.#locate(segment, fromPosition);
      return this.#readFrames(segment, fromPosition, offset, maxBytes);
    });
  }

  #segmentOf(position: number): Segment | undefined {
    return this.#segments.findLast((segment) => segment.firstPosition <= position);
  }

  /** Where an entry begins in its segment; one above the last: where that ends. */
  async #locate(segment: Segment, wanted: number): Promise<{ offset: number }> {
    let { position, offset } = segment.nearest(wanted);
    let windowBytes = minWindowBytes;
    while (position < wanted) {
      const window = await segment.file.read(offset, windowBytes);
      let at = 0;
      for (let header = readFrameHeader(window, 0); header !== undefined; header = readFrameHeader(window, at)) {
        const end = at + frameHeaderBytes + header.bodyLength;
        if (position === wanted || end > window.length) {
          windowBytes = Math.max(minWindowBytes, end - at);
          break;
        }
        segment.note(position, offset + at);
        at = end;
        position++;
      }
      if (at === 0 && (window.length < windowBytes || readFrameHeader(window, 0) === undefined)) {
        throw damaged(`entry ${position} in ${segment.path} at offset ${offset} fails its check`);
      }
      offset += at;
    }
    return { offset };
  }

  async #readFrames(segment: Segment, from: number, start: number, maxBytes: number): Promise<EncodedEntries> {
    const last = segment.lastPosition;
    const bodies: Uint8Array[] = [];
    const checksums: number[] = [];
    let window = await segment.file.read(start, Math.max(minWindowBytes, maxBytes));
    for (let at = 0, bytes = 0, position = from; position <= last; position++) {
      let header = readFrameHeader(window, at);
      const needed = frameHeaderBytes + (header?.bodyLength ?? 0);
      if (header === undefined || at + needed > window.length) {
        // What is behind the window is for the next call; the first entry is returned however large it is.
        if (bodies.length > 0) break;
        window = await segment.file.read(start, needed);
        header = readFrameHeader(window, 0);
      }
      const body = window.subarray(at + frameHeaderBytes, at + needed);
      const intact =
        header !== undefined && checksumOf(body) === header.bodyChecksum && positionOfBody(body) === position;
      if (header === undefined || !intact) {
        throw damaged(`entry ${position} in ${segment.path} at offset ${start + at} fails its check`);
      }
      bytes += body.length;
      if (bodies.length > 0 && bytes > maxBytes) break;
      bodies.push(Uint8Array.from(body));
      checksums.push(header.bodyChecksum);
      at += needed;
    }
    return { firstPosition: from, bodies, checksums };
  }

  /**
   * Cuts the entries above a position; what remains is synced when it returns. Once it has failed, only the next start
   * can tell where the log ends: nothing may be appended, read or synced any more.
   */
  truncateAfter(position: number): Promise<void> {
    return this.#cutting(() => this.#truncateAfter(position));
  }

  async #cutting(work: () => Promise<void>): Promise<void> {
    this.#isCutting = true;
    try {
      await this.#sync;
      // If that sync failed, what it should have covered may be lost, and the cut's own would not tell of it.
      if (this.#stopped) throw new EdisError('closed', `the log in ${this.#options.directory} is out of service`);
      await work();
    } finally {
      this.#isCutting = false;
    }
  }

  async #truncateAfter(position: number): Promise<void> {
    const { disk, directory } = this.#options;
    const kept = this.#segmentOf(position + 1) ?? this.#segments[0];
    invariant(kept !== undefined && position + 1 >= kept.firstPosition, 'the log reaches back to where it is cut');
    // Newest first, each for good before the next one: whatever ends this process, the log is left without a gap.
    for (let newest = this.#segments.at(-1); newest !== undefined && newest !== kept; newest = this.#segments.at(-1)) {
      this.#segments.pop();
      await this.#discard(newest);
      await disk.syncDirectory(directory);
    }
    if (position < kept.lastPosition) {
      const { offset } = await this.#locate(kept, position + 1);
      this.#bytes -= kept.file.size - offset;
      await kept.truncateAfter(position, offset);
    }
    // Those before it may wait for their first sync, too.
    for (const segment of this.#segments.slice(this.#firstUnsynced)) if (segment !== kept) await segment.file.sync();
    await kept.file.sync();
    await disk.syncDirectory(directory);
    this.#namesUnsynced = false;
    this.#lastPosition = position;
    this.#syncedPosition = position;
    this.#firstUnsynced = this.#segments.length - 1;
    this.#tail.clear();
  }

  /**
   * Removes the oldest segments for as long as `mayGo` says yes of their last position. Each is gone for good before
   * the next one goes: if the power failed between the two, a file system might bring back the older one alone.
   */
  async removeOldest(mayGo: (lastPosition: number) => boolean): Promise<void> {
    for (
      let oldest = this.#segments[0];
      this.#segments.length > 1 && oldest !== undefined;
      oldest = this.#segments[0]
    ) {
      if (this.#firstUnsynced === 0 || !mayGo(oldest.lastPosition)) break;
      this.#segments.shift();
      this.#firstUnsynced--;
      await this.#discard(oldest);
      await this.#options.disk.syncDirectory(this.#options.directory);
    }
  }

  async #discard(segment: Segment): Promise<void> {
    this.#bytes -= segment.file.size;
    await segment.retire();
    await this.#options.disk.remove(segment.path);
  }

  /** Leaves nothing in a log's directory but an empty segment behind a position. Repeatable. */
  static async beginAnew(disk: Disk, directory: string, position: number): Promise<Segment> {
    for (const name of (await disk.list(directory)).reverse()) {
      if (segmentPosition(name) !== undefined) await disk.remove(pathOf(directory, name));
    }
    await disk.syncDirectory(directory);
    return makeSegment(disk, directory, position + 1);
  }

  /** Begins anew behind a position, as after an installed snapshot. */
  reset(position: number): Promise<void> {
    return this.#cutting(() => this.#reset(position));
  }

  async #reset(position: number): Promise<void> {
    const { disk, directory } = this.#options;
    for (const segment of this.#segments) await segment.retire();
    this.#segments = [await ChangeLog.beginAnew(disk, directory, position)];
    this.#bytes = 0;
    this.#lastPosition = position;
    this.#syncedPosition = position;
    this.#firstUnsynced = 0;
    this.#namesUnsynced = false;
    this.#tail.clear();
  }

  /** No further syncs; what is running comes to its end unheard. */
  stop(): void {
    this.#stopped = true;
  }

  async close(): Promise<void> {
    this.stop();
    await this.#sync;
    for (const segment of this.#segments) await segment.file.close();
  }
}
