/**
 * Is there an order of one key's operations that a single copy of the record could have carried out?
 *
 * The algorithm is that of Wing and Gong with Lowe's memory: operations are placed one after the other; one may be next
 * if no other that is still to be placed returned before it was called. What was reached before, the same operations
 * placed and the same record, is not tried again.
 *
 * Guarantees: `held` and `violated` are certain; a search that would take too long says `undecided`. These cuts keep it
 * short without losing an order:
 * - an operation that changes nothing and fits is placed at once: it would fit nowhere better;
 * - writes of known versions come in the order of their versions, and once the record has had a higher version than an
 *   operation speaks of, there is no place for that operation any more;
 * - a write of unknown outcome is placed only where the next operation looks at the record: otherwise its effect is
 *   seen by nobody, and it may as well come later or never. Several that cannot be told apart come in the order of
 *   their calls.
 *
 * What is remembered is short even for long histories: the first operation that is not placed, and those placed behind
 * it, of which there are no more than callers.
 */
import type { HistoryOperation } from './history.ts';
import type { KeyTimeline, TimelineItem } from './key-timeline.ts';
import { stepItem } from './key-timeline.ts';
import type { RegisterRecord, RegisterState } from './register.ts';
import { emptyRegister } from './register.ts';

export type KeyVerdict =
  | { readonly kind: 'held'; readonly steps: number }
  | { readonly kind: 'undecided'; readonly steps: number }
  | {
      readonly kind: 'violated';
      readonly steps: number;
      /** An operation that no order has a place for. */
      readonly blocked: HistoryOperation;
      /** What the record may have been by then. */
      readonly records: readonly (RegisterRecord | undefined)[];
    };

interface SearchNode {
  /** Every required item before it is placed. */
  readonly first: number;
  /** Required items behind `first` that are placed, ascending. */
  readonly ahead: readonly number[];
  /** Optional items that are placed, ascending. */
  readonly chosen: readonly number[];
  readonly state: RegisterState;
  /** The last item is of unknown outcome: the next one must tell the state from this one before it. */
  readonly unseenSince: RegisterState | undefined;
  readonly moves: readonly Move[];
  nextMove: number;
}

interface Move {
  readonly index: number;
  readonly optional: boolean;
  readonly state: RegisterState;
}

interface Obstruction {
  readonly item: TimelineItem;
  readonly records: Map<string, RegisterRecord | undefined>;
}

/** Different records that are shown with a violation. */
const maxRecords = 8;

export class KeySearch {
  readonly #required: readonly TimelineItem[];
  readonly #optional: readonly TimelineItem[];
  readonly #maxSteps: number;
  /** Give an order up as soon as some operation has no place in it. A loss brings lower versions back. */
  readonly #foresees: boolean;
  /** What was reached, and with which optional items: with fewer of them, more was left to try. */
  readonly #seen = new Map<string, (readonly number[])[]>();
  #furthest: Obstruction | undefined;

  constructor({ required, optional }: KeyTimeline, maxSteps: number) {
    this.#required = required;
    this.#optional = optional;
    this.#maxSteps = maxSteps;
    this.#foresees = [...required, ...optional].every(({ loss }) => loss === undefined);
  }

  run(): KeyVerdict {
    let steps = 0;
    const path: SearchNode[] = [];
    let node = this.#enter({ first: 0, ahead: [], chosen: [], state: emptyRegister, unseenSince: undefined });
    for (;;) {
      steps += 1;
      if (node.first === this.#required.length) return { kind: 'held', steps };
      if (steps > this.#maxSteps) return { kind: 'undecided', steps };
      const next = this.#advance(node);
      if (next === undefined) {
        const back = path.pop();
        if (back === undefined) return this.#violation(steps);
        node = back;
      } else {
        path.push(node);
        node = next;
      }
    }
  }

  #violation(steps: number): KeyVerdict {
    const blocked = this.#furthest?.item.source;
    // Only an operation can be blocked: a loss fits wherever its writes are placed.
    if (blocked === undefined) return { kind: 'undecided', steps };
    return { kind: 'violated', steps, blocked, records: [...(this.#furthest?.records.values() ?? [])] };
  }

  #advance(node: SearchNode): SearchNode | undefined {
    for (; node.nextMove < node.moves.length; ) {
      const move = node.moves[node.nextMove];
      node.nextMove += 1;
      if (move === undefined) continue;
      const place = this.#place(node, move);
      if (!this.#isKnown(place)) return this.#enter(place);
    }
    return undefined;
  }

  /** Whether as much was reached before with no more of the optional items; notes it if not. */
  #isKnown({ first, ahead, chosen, state, unseenSince }: Place): boolean {
    const before = unseenSince === undefined ? '' : stateKey(unseenSince);
    const memory = `${first} ${ahead.join()} ${before} ${stateKey(state)}`;
    const known = this.#seen.get(memory);
    if (known === undefined) {
      this.#seen.set(memory, [chosen]);
      return false;
    }
    if (known.some((fewer) => fewer.every((index) => chosen.includes(index)))) return true;
    known.push(chosen);
    return false;
  }

  #place({ first, ahead, chosen, state: before }: SearchNode, { index, optional, state }: Move): Place {
    if (optional) {
      const isLoss = this.#optional[index]?.step === undefined;
      return { first, ahead, chosen: insert(chosen, index), state, unseenSince: isLoss ? undefined : before };
    }
    const unseenSince = undefined;
    if (index !== first) return { first, ahead: insert(ahead, index), chosen, state, unseenSince };
    let next = first + 1;
    let passed = 0;
    for (; ahead[passed] === next; passed += 1) next += 1;
    return { first: next, ahead: ahead.slice(passed), chosen, state, unseenSince };
  }

  #enter(place: Place): SearchNode {
    return { ...place, moves: this.#movesFrom(place), nextMove: 0 };
  }

  /** What may come next, the most promising first. */
  #movesFrom(place: Place): Move[] {
    const { indexes, limitMs } = this.#open(place);
    if (this.#foresees && indexes.some((index) => this.#isTooLate(index, place.state))) return [];
    const moves: Move[] = [];
    let lowest: Move | undefined;
    let lowestVersion = Number.POSITIVE_INFINITY;
    for (const index of indexes) {
      const item = this.#required[index];
      if (item === undefined || !this.#isDue(place, item)) continue;
      const state = this.#step(place, item);
      if (state === undefined) continue;
      const move: Move = { index, optional: false, state };
      if (item.isPure && state === place.state) return [move];
      const { writtenVersion: version } = item;
      if (version === undefined) {
        moves.push(move);
      } else if (version < lowestVersion) {
        lowestVersion = version;
        lowest = move;
      }
    }
    if (lowest !== undefined) moves.unshift(lowest);
    return [...moves, ...this.#optionalMoves(place, indexes, limitMs)];
  }

  /** Tells of writes whether one of the items that may come next can see them. */
  #whoIsSeen({ chosen, state }: Place, indexes: readonly number[], limitMs: number): (item: TimelineItem) => boolean {
    const values = new Set<string>();
    let something = false;
    const note = ({ sight }: TimelineItem) => {
      if (typeof sight === 'object') values.add(sight.value);
      else if (sight === 'something') something = true;
      else if (sight === 'presence' && state.record === undefined) something = true;
    };
    for (const index of indexes) {
      const item = this.#required[index];
      if (item !== undefined) note(item);
    }
    for (const [index, item] of this.#optional.entries()) {
      if (something || item.callMs > limitMs) break;
      if (!chosen.includes(index)) note(item);
    }
    return ({ leaves }) => something || leaves === undefined || values.has(leaves);
  }

  /** Undefined: the item cannot come here, or an unknown one before it has made no difference to it. */
  #step({ state, unseenSince }: Place, item: TimelineItem): RegisterState | undefined {
    if (unseenSince !== undefined && item.isBlind) return undefined;
    const next = stepItem(state, item);
    if (next === undefined || unseenSince === undefined) return next;
    const without = stepItem(unseenSince, item);
    return without !== undefined && stateKey(without) === stateKey(next) ? undefined : next;
  }

  #isTooLate(index: number, { floor }: RegisterState): boolean {
    const latest = this.#required[index]?.latestFloor;
    return latest !== undefined && floor > latest;
  }

  #optionalMoves(place: Place, indexes: readonly number[], limitMs: number): Move[] {
    const moves: Move[] = [];
    if (this.#optional.length === 0) return moves;
    const tried = new Set<string>();
    const isSeen = this.#whoIsSeen(place, indexes, limitMs);
    for (const [index, item] of this.#optional.entries()) {
      if (item.callMs > limitMs) break;
      if (place.chosen.includes(index) || tried.has(item.likeness)) continue;
      tried.add(item.likeness);
      if (!isSeen(item) || !this.#isDue(place, item)) continue;
      const state = this.#step(place, item);
      if (state !== undefined) moves.push({ index, optional: true, state });
    }
    return moves;
  }

  /** Required items that may come next: called before the first of those that are left returned. */
  #open({ first, ahead, state }: Place): { readonly indexes: number[]; readonly limitMs: number } {
    const indexes: number[] = [];
    let limitMs = Number.POSITIVE_INFINITY;
    let blocking: TimelineItem | undefined;
    let passed = 0;
    for (let index = first; index < this.#required.length; index += 1) {
      if (ahead[passed] === index) {
        passed += 1;
        continue;
      }
      const item = this.#required[index];
      if (item === undefined || item.callMs > limitMs) break;
      indexes.push(index);
      if (item.returnMs < limitMs) {
        limitMs = item.returnMs;
        blocking = item;
      }
    }
    if (blocking !== undefined) this.#noteObstruction(blocking, state);
    return { indexes, limitMs };
  }

  /** The item whose return nobody got past is the one that cannot be placed. */
  #noteObstruction(item: TimelineItem, { record }: RegisterState): void {
    if (this.#furthest === undefined || item.returnMs > this.#furthest.item.returnMs) {
      this.#furthest = { item, records: new Map() };
    }
    const { records } = this.#furthest;
    if (this.#furthest.item !== item || records.size >= maxRecords) return;
    records.set(record === undefined ? '' : `${record.version ?? '?'} ${record.value}`, record);
  }

  /** A loss comes when all that it takes away is there; nothing that it takes away comes after it. */
  #isDue(place: Place, item: TimelineItem): boolean {
    if (item.loss === undefined) return true;
    const isPlaced = (index: number) => index < place.first || place.ahead.includes(index);
    if (item.step !== undefined) {
      const isGone = (other: TimelineItem) => other.step === undefined && other.loss === item.loss;
      return !(
        this.#required.some((other, index) => isGone(other) && isPlaced(index)) ||
        this.#optional.some((other, index) => isGone(other) && place.chosen.includes(index))
      );
    }
    return this.#required.every(
      (other, index) => other.step === undefined || other.loss !== item.loss || isPlaced(index),
    );
  }
}

type Place = Omit<SearchNode, 'moves' | 'nextMove'>;

function insert(ascending: readonly number[], added: number): number[] {
  const place = ascending.findIndex((one) => one > added);
  return place < 0 ? [...ascending, added] : ascending.toSpliced(place, 0, added);
}

/** States are shared between many places of a search. */
const stateKeys = new WeakMap<RegisterState, string>();

function stateKey(state: RegisterState): string {
  const known = stateKeys.get(state);
  if (known !== undefined) return known;
  const { record, floor, kept } = state;
  const text = JSON.stringify([
    record?.value,
    record?.version,
    floor,
    kept?.record?.value,
    kept?.record?.version,
    kept?.floor,
  ]);
  stateKeys.set(state, text);
  return text;
}
