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
 *   operation speaks of, there is no place for that operation any more (both unless a loss brings lower ones back);
 * - a write of unknown outcome is placed only where the next operation looks at the record: otherwise its effect is
 *   seen by nobody, and it may as well come later or never. Several that cannot be told apart come in the order of
 *   their calls.
 *
 * What is remembered is short even for long histories: the first operation that is not placed, and those placed behind
 * it, of which there are no more than callers. Optional items are looked at only where no required one leads on: there
 * may be thousands of them on a busy key.
 *
 * A step is one look at one item, so that the limit bounds the time whatever the history is like; memory is bounded
 * too.
 */
import type { HistoryOperation } from './history.ts';
import type { KeyTimeline, TimelineItem } from './key-timeline.ts';
import { stepItem } from './key-timeline.ts';
import { OptionalItems } from './optional-items.ts';
import type { RegisterRecord, RegisterState } from './register.ts';
import { emptyRegister } from './register.ts';
import { hasAll, withOne } from './sorted-indexes.ts';
import { Takings } from './takings.ts';

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
  moves: readonly Move[];
  nextMove: number;
  /** Whether optional items are still to be looked at when the moves are used up. */
  hasOptional: boolean;
}

interface Move {
  readonly index: number;
  readonly optional: boolean;
  readonly state: RegisterState;
}

interface Write {
  readonly version: number;
  readonly move: Move;
}

interface Obstruction {
  readonly item: TimelineItem;
  readonly records: Map<string, RegisterRecord | undefined>;
}

/** Required items that may come next, and the first return among them. */
interface Opening {
  readonly indexes: readonly number[];
  readonly limitMs: number;
}

/** Different records that are shown with a violation. */
const maxRecords = 8;
/** Of what is remembered: some hundred MB. */
const maxRememberedCharacters = 100_000_000;

export class KeySearch {
  readonly #required: readonly TimelineItem[];
  readonly #optional: OptionalItems;
  readonly #takings: Takings;
  readonly #maxSteps: number;
  /** Give an order up as soon as some operation has no place in it. A loss brings lower versions back. */
  readonly #foresees: boolean;
  /** What was reached, and with which optional items: with fewer of them, more was left to try. */
  readonly #seen = new Map<string, (readonly number[])[]>();
  #remembered = 0;
  #steps = 0;
  #furthest: Obstruction | undefined;

  constructor({ required, optional }: KeyTimeline, maxSteps: number) {
    this.#required = required;
    this.#optional = new OptionalItems(optional);
    this.#takings = new Takings(required, optional);
    this.#maxSteps = maxSteps;
    this.#foresees = this.#takings.isEmpty;
  }

  run(): KeyVerdict {
    const path: SearchNode[] = [];
    let node = this.#enter({ first: 0, ahead: [], chosen: [], state: emptyRegister, unseenSince: undefined });
    for (;;) {
      if (node.first === this.#required.length) return { kind: 'held', steps: this.#steps };
      if (this.#steps > this.#maxSteps || this.#remembered > maxRememberedCharacters) {
        return { kind: 'undecided', steps: this.#steps };
      }
      const next = this.#advance(node);
      if (next === undefined) {
        const back = path.pop();
        if (back === undefined) return this.#violation();
        node = back;
      } else {
        path.push(node);
        node = next;
      }
    }
  }

  #violation(): KeyVerdict {
    const steps = this.#steps;
    const item = this.#furthest?.item;
    // A loss fits wherever its writes are placed: one of them is what came too late.
    const late = this.#required.findLast(({ takenBy }) => item?.loss !== undefined && takenBy.includes(item.loss));
    const blocked = item?.source ?? late?.source;
    if (blocked === undefined) return { kind: 'undecided', steps };
    return { kind: 'violated', steps, blocked, records: [...(this.#furthest?.records.values() ?? [])] };
  }

  #advance(node: SearchNode): SearchNode | undefined {
    for (;;) {
      const move = node.moves[node.nextMove];
      if (move === undefined) {
        if (!node.hasOptional) return undefined;
        node.hasOptional = false;
        node.nextMove = 0;
        node.moves = this.#optionalMoves(node);
        continue;
      }
      node.nextMove += 1;
      const place = this.#place(node, move);
      if (!this.#isKnown(place)) return this.#enter(place);
    }
  }

  /** Whether as much was reached before with no more of the optional items; notes it if not. */
  #isKnown({ first, ahead, chosen, state, unseenSince }: Place): boolean {
    const before = unseenSince === undefined ? '' : stateKey(unseenSince);
    const memory = `${first} ${ahead.join()} ${before} ${stateKey(state)}`;
    const known = this.#seen.get(memory);
    if (known === undefined) {
      this.#seen.set(memory, [chosen]);
      this.#remembered += memory.length;
      return false;
    }
    for (const fewer of known) {
      this.#steps += fewer.length;
      if (hasAll(chosen, fewer)) return true;
    }
    known.push(chosen);
    this.#remembered += chosen.length;
    return false;
  }

  #place({ first, ahead, chosen, state: before }: SearchNode, { index, optional, state }: Move): Place {
    if (optional) {
      const isLoss = this.#optional.items[index]?.step === undefined;
      return { first, ahead, chosen: withOne(chosen, index), state, unseenSince: isLoss ? undefined : before };
    }
    const unseenSince = undefined;
    if (index !== first) return { first, ahead: withOne(ahead, index), chosen, state, unseenSince };
    let next = first + 1;
    let passed = 0;
    for (; ahead[passed] === next; passed += 1) next += 1;
    return { first: next, ahead: ahead.slice(passed), chosen, state, unseenSince };
  }

  /** With what may come next, the most promising first. */
  #enter(place: Place): SearchNode {
    const { indexes } = this.#open(place);
    const closed: SearchNode = { ...place, moves: [], nextMove: 0, hasOptional: false };
    if (this.#foresees && indexes.some((index) => this.#isTooLate(index, place.state))) return closed;
    const moves: Move[] = [];
    const writes: Write[] = [];
    for (const index of indexes) {
      const item = this.#required[index];
      if (item === undefined || !this.#takings.isDue(place, item)) continue;
      const { writtenVersion: version } = item;
      const isLater = version !== undefined && version > (writes[0]?.version ?? Number.POSITIVE_INFINITY);
      // In the order of versions there is one that can be next, unless a loss brings lower versions back.
      if (isLater && this.#foresees) continue;
      const state = stepFrom(place, item);
      if (state === undefined) continue;
      const move: Move = { index, optional: false, state };
      if (item.isPure && state === place.state) return { ...closed, moves: [move] };
      if (version === undefined) moves.push(move);
      else if (this.#foresees) writes[0] = { version, move };
      else writes.push({ version, move });
    }
    writes.sort((left, right) => left.version - right.version);
    moves.unshift(...writes.map(({ move }) => move));
    return { ...place, moves, nextMove: 0, hasOptional: this.#optional.items.length > 0 };
  }

  #isTooLate(index: number, { floor }: RegisterState): boolean {
    const latest = this.#required[index]?.latestFloor;
    return latest !== undefined && floor > latest;
  }

  #optionalMoves(place: Place): Move[] {
    const opening = this.#open(place);
    const open = opening.indexes.flatMap((index) => this.#required[index] ?? []);
    const { indexes, values, looks } = this.#optional.candidates(place, open, opening.limitMs);
    this.#steps += looks;
    // What leads at once to a record that somebody speaks of comes first; the others may be needed elsewhere.
    const moves: Move[] = [];
    const detours: Move[] = [];
    for (const index of indexes) {
      const item = this.#optional.items[index];
      if (item === undefined || !this.#takings.isDue(place, item)) continue;
      const state = stepFrom(place, item);
      if (state === undefined) continue;
      const isSpokenOf = state.record !== undefined && values.has(state.record.value);
      (isSpokenOf ? moves : detours).push({ index, optional: true, state });
    }
    return [...moves, ...detours];
  }

  /** Called before the first of those that are left returned. */
  #open({ first, ahead, state }: Place): Opening {
    const indexes: number[] = [];
    let limitMs = Number.POSITIVE_INFINITY;
    let blocking: TimelineItem | undefined;
    let passed = 0;
    for (let index = first; index < this.#required.length; index += 1) {
      this.#steps += 1;
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
}

type Place = Omit<SearchNode, 'moves' | 'nextMove' | 'hasOptional'>;

/** Undefined: the item cannot come here, or an unknown one before it has made no difference to it. */
function stepFrom({ state, unseenSince }: Place, item: TimelineItem): RegisterState | undefined {
  if (unseenSince !== undefined && item.isBlind) return undefined;
  const next = stepItem(state, item);
  if (next === undefined || unseenSince === undefined) return next;
  const without = stepItem(unseenSince, item);
  return without !== undefined && stateKey(without) === stateKey(next) ? undefined : next;
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
    kept.map((one) => [one.record?.value, one.record?.version, one.floor, one.losses]),
  ]);
  stateKeys.set(state, text);
  return text;
}
