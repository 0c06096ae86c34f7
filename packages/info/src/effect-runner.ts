/**
 * Runs the effects of the cluster machine in their order, each behind the persist in front of it.
 *
 * While a save runs, further effects wait in one queue. When it is done, everything that waits is taken at once: the
 * last state among it is saved, which covers the earlier ones, and then the rest runs. So a burst of changes costs two
 * syncs and not one each, and the queue is bounded by what the sessions can say during one sync.
 */
import type { ClusterEffect, ClusterState } from '@edis/core';
import { EdisError } from '@edis/core';

export type VisibleEffect = Exclude<ClusterEffect, { readonly kind: 'persist' }>;

export interface EffectTarget {
  save(state: ClusterState): Promise<void>;
  /** What others see; everything that it depends on is durable. */
  show(effect: VisibleEffect): void;
  /** Saving failed: memory is ahead of the disk, and nothing more is shown. */
  failed(error: EdisError): void;
}

export class EffectRunner {
  readonly #target: EffectTarget;
  #queue: ClusterEffect[] = [];
  #running = false;
  #lastRun: Promise<void> = Promise.resolve();
  #broken = false;

  constructor(target: EffectTarget) {
    this.#target = target;
  }

  run(effects: readonly ClusterEffect[]): void {
    if (this.#broken || effects.length === 0) return;
    this.#queue.push(...effects);
    // Without a save to wait for, all is shown before `drainQueue` returns.
    if (!this.#running) this.#lastRun = this.#drainQueue();
  }

  /** Resolves when all that was given to `run` so far is done. */
  async idle(): Promise<void> {
    await this.#lastRun;
  }

  /** Never rejects. */
  async #drainQueue(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0 && !this.#broken) {
      const effects = this.#queue;
      this.#queue = [];
      const newest = effects.findLast((effect) => effect.kind === 'persist');
      try {
        if (newest !== undefined) await this.#target.save(newest.state);
        for (const effect of effects) if (effect.kind !== 'persist') this.#target.show(effect);
      } catch (caught) {
        this.#broken = true;
        this.#queue = [];
        this.#target.failed(EdisError.from(caught));
      }
    }
    this.#running = false;
  }
}
