import type { ChangeLog } from './change-log.ts';

/**
 * Which log segments may go: those that the view has for good, that no live follower needs (up to a cap), that no open
 * snapshot pins, and that are more than what is kept for followers that come back.
 *
 * Guarantees: what another member may come to lead without stays, whatever its size: were it gone, it would be in no
 * receipt. That this ends somewhere is for the primary to see to, which takes no more writes then.
 */
export interface RetentionOptions {
  readonly log: ChangeLog;
  readonly retentionBytes: number;
  readonly retentionBytesMax: number;
  /** The position that the view has even after a power loss. */
  readonly viewSyncedPosition: () => number;
  /** Has the view's position synced soon. */
  readonly wantViewSync: () => void;
  readonly onFailed: (caught: unknown) => void;
}

/** Each position: this entry and those above it. */
export interface RetentionNeeds {
  /** Live followers lack it; the cap is stronger. */
  readonly oldestFollowerPosition: number;
  /** No quorum is known to have it. */
  readonly oldestLosablePosition: number;
}

/** Keeps the entries above a position in the log for as long as it is held. */
export interface LogPin {
  readonly position: number;
}

export class LogRetention {
  readonly #options: RetentionOptions;
  readonly #pins = new Set<LogPin>();
  /** Until somebody says what may be needed, all of it may be: what only this member has goes into a receipt once. */
  #needs: RetentionNeeds = { oldestFollowerPosition: 0, oldestLosablePosition: 0 };
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  pin(position: number): LogPin {
    const pin = { position };
    this.#pins.add(pin);
    return pin;
  }

  unpin(pin: LogPin): void {
    this.#pins.delete(pin);
    this.apply();
  }

  keepFor(needs: RetentionNeeds): void {
    this.#needs = needs;
    this.apply();
  }

  /** Removes what may go. Cheap when nothing may. */
  apply(): void {
    const { log, retentionBytes, wantViewSync, onFailed } = this.#options;
    if (this.#stopped || this.#running !== undefined || log.bytes <= retentionBytes) return;
    wantViewSync();
    this.#running = log
      .removeOldest((last) => this.#mayGo(last))
      .catch(onFailed)
      .finally(() => {
        this.#running = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #mayGo(lastPosition: number): boolean {
    const { log, retentionBytes, retentionBytesMax, viewSyncedPosition } = this.#options;
    if (this.#stopped || log.bytes <= retentionBytes || lastPosition > viewSyncedPosition()) return false;
    for (const pin of this.#pins) if (lastPosition > pin.position) return false;
    const { oldestFollowerPosition, oldestLosablePosition } = this.#needs;
    if (lastPosition >= oldestLosablePosition) return false;
    return lastPosition < oldestFollowerPosition || log.bytes > retentionBytesMax;
  }
}
