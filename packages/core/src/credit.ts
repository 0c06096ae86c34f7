/**
 * How much a primary may send to one follower before the follower has made something durable.
 *
 * Guarantees: nothing is sent while `creditBytes` of entries or more are under way unacknowledged. What is sent fits
 * into what is left of them, but for its first entry, because an entry travels whole: so at most one entry is under way
 * beyond the credit. An entry is less than `maxBatchBytes` and one write, 10 MiB at the very most. A slow follower
 * thereby falls behind in the log file, not in the primary's memory.
 */
export class Credit {
  readonly #creditBytes: number;
  #underWayBytes = 0;
  #sent: { readonly lastPosition: number; readonly bytes: number }[] = [];

  constructor(creditBytes: number) {
    this.#creditBytes = creditBytes;
  }

  /** Bytes that may be sent now; 0: wait for an acknowledgement. */
  get roomBytes(): number {
    return Math.max(0, this.#creditBytes - this.#underWayBytes);
  }

  onSent(lastPosition: number, bytes: number): void {
    this.#sent.push({ lastPosition, bytes });
    this.#underWayBytes += bytes;
  }

  onDurable(position: number): void {
    let done = 0;
    for (const chunk of this.#sent) {
      if (chunk.lastPosition > position) break;
      this.#underWayBytes -= chunk.bytes;
      done += 1;
    }
    if (done > 0) this.#sent.splice(0, done);
  }
}
