/**
 * How much a primary may send to one follower before the follower has made something durable.
 *
 * Guarantees: at most `creditBytes` of entries are under way unacknowledged, save that a single entry larger than that
 * travels alone. A slow follower thereby falls behind in the log file, not in the primary's memory.
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
