/** Which writes a loss takes away, and so where both may come in an order. */
import type { TimelineItem } from './key-timeline.ts';
import { hasOne } from './sorted-indexes.ts';

/** What is placed. */
interface Placed {
  readonly first: number;
  readonly ahead: readonly number[];
  readonly chosen: readonly number[];
}

interface LossPlace {
  /** Of the loss itself. */
  readonly index: number;
  readonly optional: boolean;
  /** Of the required writes that it takes away. */
  readonly writes: readonly number[];
}

export class Takings {
  readonly #losses = new Map<number, LossPlace>();

  constructor(required: readonly TimelineItem[], optional: readonly TimelineItem[]) {
    const note = ({ loss }: TimelineItem, index: number, isOptional: boolean) => {
      if (loss === undefined) return;
      const writes = [...required.keys()].filter((write) => required[write]?.takenBy.includes(loss) === true);
      this.#losses.set(loss, { index, optional: isOptional, writes });
    };
    for (const [index, item] of required.entries()) note(item, index, false);
    for (const [index, item] of optional.entries()) note(item, index, true);
  }

  get isEmpty(): boolean {
    return this.#losses.size === 0;
  }

  /** A loss comes when all that it takes away is there; nothing that it takes away comes after it. */
  isDue(placed: Placed, { loss, takenBy }: TimelineItem): boolean {
    if (this.isEmpty) return true;
    if (loss !== undefined) return this.#losses.get(loss)?.writes.every((index) => isPlaced(placed, index)) ?? true;
    return takenBy.every((one) => {
      const place = this.#losses.get(one);
      if (place === undefined) return true;
      return !(place.optional ? hasOne(placed.chosen, place.index) : isPlaced(placed, place.index));
    });
  }
}

function isPlaced({ first, ahead }: Placed, index: number): boolean {
  return index < first || hasOne(ahead, index);
}
