/** What a file held before it was cut, for as long as no sync covers the cut. */
interface Uncut {
  readonly bytes: Buffer;
  readonly syncedSize: number;
}

/** The bytes of a file of a `MemoryDisk`, and what of them outlives a power loss. */
export class MemoryContent {
  bytes: Buffer = Buffer.alloc(0);
  size = 0;
  /** Beginning of the bytes that outlives a crash. */
  #syncedSize = 0;
  /** A sync failed: what it was to cover is in memory only, and no later sync makes it safe. */
  #isDropped = false;
  /** Oldest first: any of them may be what is there after a crash. */
  #uncut: Uncut[] = [];

  append(chunk: Uint8Array): void {
    const needed = this.size + chunk.length;
    if (needed > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(needed, this.bytes.length * 2, 4096));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.size);
    this.size = needed;
  }

  truncate(size: number): void {
    if (size >= this.size) return;
    this.#uncut.push({ bytes: Buffer.from(this.bytes.subarray(0, this.size)), syncedSize: this.#syncedSize });
    this.size = size;
    if (size <= this.#syncedSize) this.#isDropped = false;
    this.#syncedSize = Math.min(this.#syncedSize, size);
  }

  /** A sync has failed. */
  drop(): void {
    this.#isDropped = this.size > this.#syncedSize;
  }

  /** What is in memory is written again from there on. */
  rewrite(offset: number): void {
    if (offset <= this.#syncedSize) this.#isDropped = false;
  }

  synced(size: number): void {
    // A file that was cut below what a sync covers has no more than that to keep.
    this.#syncedSize = Math.min(this.#isDropped ? this.#syncedSize : size, this.size);
    this.#uncut = [];
  }

  /** What is there after a crash that undid all cuts and left nothing unsynced. */
  synchronous(): MemoryContent {
    const { bytes, syncedSize } = this.#states()[0] ?? this.#now();
    return whole(bytes.subarray(0, syncedSize));
  }

  /**
   * What is there after a crash that left a beginning of the unsynced bytes, and some of the cuts: a later one, without
   * those before it, is as if it had been the only one.
   *
   * `keep` and `cut` are in [0, 1): how much of the bytes, and how many of the cuts.
   */
  torn(keep: number, cut: () => number): MemoryContent {
    const states = this.#states();
    const index = states.length === 1 ? 0 : Math.floor(cut() * states.length);
    const { bytes, syncedSize } = states[index] ?? this.#now();
    return whole(bytes.subarray(0, syncedSize + Math.floor(keep * (bytes.length - syncedSize + 1))));
  }

  #states(): readonly Uncut[] {
    return [...this.#uncut, this.#now()];
  }

  #now(): Uncut {
    return { bytes: this.bytes.subarray(0, this.size), syncedSize: this.#syncedSize };
  }
}

/** All of it is safe. */
function whole(bytes: Uint8Array): MemoryContent {
  const content = new MemoryContent();
  content.append(bytes);
  content.synced(content.size);
  return content;
}
