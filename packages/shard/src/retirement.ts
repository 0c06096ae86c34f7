/** What a primary that ends sees of its group. */
export interface RetirementParts {
  /** Who follows it; undefined: it no longer leads. */
  readonly followerCount: () => number | undefined;
  /** It follows its successor, and is level with it. */
  readonly isLevel: () => boolean;
  /** Tells info. False: nobody heard it. */
  readonly say: () => boolean;
  readonly monotonicMs: () => number;
}

/** How often it is said until it is heard. */
const sayEveryMs = 500;

/** A follower whose stream broke is back sooner; one that is not back by then takes over from nobody. */
const aloneMs = 1000;

/** A primary with other members lets one of them take over before it ends, so that no client sees an error. */
export class Retirement {
  readonly #parts: RetirementParts;
  #saidMs = Number.NEGATIVE_INFINITY;
  #followedMs: number;

  constructor(parts: RetirementParts) {
    this.#parts = parts;
    this.#followedMs = parts.monotonicMs();
  }

  /** Looks whether it may end: it has a successor, or will have none. To be asked again and again. */
  isOver(): boolean {
    const { followerCount, isLevel, say, monotonicMs } = this.#parts;
    const followers = followerCount();
    // With two members the new primary needs this one to make its opening entry safe.
    if (followers === undefined) return isLevel();
    const nowMs = monotonicMs();
    if (followers > 0) this.#followedMs = nowMs;
    if (nowMs - this.#followedMs >= aloneMs) return true;
    // An info that has just started has no session with this node yet, or none with the others.
    if (nowMs - this.#saidMs >= sayEveryMs && say()) this.#saidMs = nowMs;
    return false;
  }
}
