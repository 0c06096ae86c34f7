import type { Metadata } from './bytes.ts';
import type { Decimal } from './decimal.ts';
import {
  addDecimals,
  compareDecimals,
  decimalOfSmall,
  decimalToNumber,
  divideDecimal,
  multiplyDecimal,
  parseDecimal,
  parseSmallDecimal,
  printDecimal,
  zero,
} from './decimal.ts';
import { EdisError } from './error.ts';
import { compareText } from './index-value.ts';
import { limits } from './limits.ts';
import type { Fault } from './operation-check.ts';
import type { AggregateGroup, Measure, MeasurePart } from './query.ts';

/**
 * Counts and sums over metadata. Shards accumulate, clients merge.
 *
 * Guarantees: exact, whatever the order of the records and however they are spread over shards; equal groups print
 * alike. Bounded: by the number of groups, and by the bytes that they take in an answer.
 */

/** Half of what a message may hold: the rest is for what surrounds the texts in it. */
const maxAnswerBytes = limits.maxMessageBytes / 2;

/** What one group's entry in the answer costs beside its texts. */
const groupOverheadBytes = 16;
const partOverheadBytes = 16;

/** Adds up the records of one shard. */
export class Aggregation {
  readonly #measures: readonly Measure[];
  /** Distinct fields: several measures of one field share its sums. */
  readonly #fields: readonly string[];
  readonly #groupBy: string;
  readonly #groups = new Map<string, Group>();
  #bytes = 0;
  /** Groups were left out: there is no answer. */
  #overflown = false;

  constructor(measures: readonly Measure[], groupBy: string) {
    this.#measures = measures;
    this.#fields = distinctFields(measures);
    this.#groupBy = groupBy;
    // One group of all is there also when there are no records.
    if (groupBy === '') this.#groups.set('', new Group(this.#fields.length));
  }

  /** Counts a record in; a fault ends the aggregate. */
  add(key: string, metadata: Metadata | undefined): Fault | undefined {
    const name = this.#groupBy === '' ? '' : valueOf(metadata, this.#groupBy);
    if (name === undefined) return undefined;
    const group = this.#groups.get(name) ?? this.#newGroup(name);
    if (group === undefined) return this.#tooMany();
    group.count += 1;
    for (let index = 0; index < this.#fields.length; index += 1) {
      const field = this.#fields[index] ?? '';
      const text = valueOf(metadata, field);
      if (text !== undefined && group.sums[index]?.add(text) === false) return notANumber(key, field, text);
    }
    return undefined;
  }

  /** Counts records in of which only the value of the grouping field is known. For aggregates that only count. */
  addCount(group: string, count: number): Fault | undefined {
    const counted = this.#groups.get(group) ?? this.#newGroup(group);
    if (counted === undefined) return this.#tooMany();
    counted.count += count;
    return undefined;
  }

  /** Whether nothing but the grouping field of a record is needed. */
  get onlyCounts(): boolean {
    return this.#fields.length === 0;
  }

  finish(): readonly AggregateGroup[] | Fault {
    if (this.#overflown) return this.#tooMany();
    const groups: AggregateGroup[] = [];
    let bytes = this.#bytes;
    for (const [name, group] of this.#groups) {
      const parts = this.#measures.map((measure) => this.#part(measure, group));
      for (const part of parts) bytes += part.sum.length + part.min.length + part.max.length + partOverheadBytes;
      if (bytes > maxAnswerBytes) return this.#tooMany();
      groups.push({ group: name, count: group.count, parts });
    }
    return groups;
  }

  #part(measure: Measure, group: Group): MeasurePart {
    const sums = group.sums[this.#fields.indexOf(measure.field)];
    return sums === undefined ? countPart(group.count) : sums.part();
  }

  #newGroup(name: string): Group | undefined {
    // A character is at most three bytes of UTF-8.
    this.#bytes += name.length * 3 + groupOverheadBytes;
    if (this.#groups.size >= limits.maxGroups || this.#bytes > maxAnswerBytes) {
      this.#overflown = true;
      return undefined;
    }
    const group = new Group(this.#fields.length);
    this.#groups.set(name, group);
    return group;
  }

  #tooMany(): Fault {
    return {
      cause: 'too-many-groups',
      message:
        `the field ${quote(this.#groupBy)} makes more than ${limits.maxGroups} groups, or an answer of more than ` +
        `${maxAnswerBytes} bytes, at one shard; narrow the conditions, or group by a field of fewer values`,
    };
  }
}

/** A measure of a group, added up over all shards. Undefined: no record had the field. */
export interface MeasureResult {
  readonly value: number | undefined;
  /** Decimal digits; of an average, those of the double that is nearest. */
  readonly exact: string | undefined;
}

export interface MergedGroup extends AggregateGroup {
  /** One per measure, in their order. */
  readonly results: readonly MeasureResult[];
}

/**
 * Adds up what the shards answered. Groups are ordered by their name. EdisError 'protocol' when an answer does not fit
 * the measures or has a number that is none.
 */
export function mergeGroups(
  measures: readonly Measure[],
  answers: Iterable<readonly AggregateGroup[]>,
): readonly MergedGroup[] {
  const merged = new Map<string, { count: number; readonly sums: Sums[] }>();
  for (const groups of answers) {
    for (const { group, count, parts } of groups) {
      if (parts.length !== measures.length) throw unreadable(`a group has ${parts.length} parts`);
      let sum = merged.get(group);
      if (sum === undefined) {
        sum = { count: 0, sums: measures.map(() => new Sums()) };
        merged.set(group, sum);
      }
      sum.count += count;
      for (const [index, part] of parts.entries()) sum.sums[index]?.addPart(part);
    }
  }
  const groups = [...merged].map(([group, { count, sums }]) => {
    const parts = sums.map((sum, index) => (measures[index]?.kind === 'count' ? countPart(count) : sum.part()));
    return { group, count, parts, results: parts.map((part, index) => resultOf(measures[index], part)) };
  });
  return groups.sort((left, right) => compareText(left.group, right.group));
}

/**
 * The groups with the greatest values of a measure, greatest first; of equal ones, by name. Groups without a value come
 * last. Averages are compared as fractions, not as what they are rounded to.
 */
export function topGroups(
  groups: readonly MergedGroup[],
  measures: readonly Measure[],
  by: number,
  count: number,
): readonly MergedGroup[] {
  const measure = measures[by];
  if (measure === undefined) throw new EdisError('invalid-argument', `there is no measure number ${by} to order by`);
  const ranked = groups.map((group) => ({ group, rank: rankOf(measure, group.parts[by]) }));
  ranked.sort((left, right) => compareRanks(right.rank, left.rank) || compareText(left.group.group, right.group.group));
  return ranked.slice(0, count).map(({ group }) => group);
}

/** A fraction. */
interface Rank {
  readonly dividend: Decimal;
  readonly divisor: number;
}

function rankOf(measure: Measure, part: MeasurePart | undefined): Rank | undefined {
  if (part === undefined) return undefined;
  if (measure.kind === 'count') return { dividend: { digits: BigInt(part.count), scale: 0 }, divisor: 1 };
  if (part.count === 0) return undefined;
  if (measure.kind === 'average') return { dividend: readPart(part.sum), divisor: part.count };
  return { dividend: readPart(part[measure.kind]), divisor: 1 };
}

function compareRanks(left: Rank | undefined, right: Rank | undefined): number {
  if (left === undefined || right === undefined) return Number(left !== undefined) - Number(right !== undefined);
  return compareDecimals(multiplyDecimal(left.dividend, right.divisor), multiplyDecimal(right.dividend, left.divisor));
}

function resultOf(measure: Measure | undefined, part: MeasurePart): MeasureResult {
  if (measure === undefined || measure.kind === 'count') return { value: part.count, exact: String(part.count) };
  if (part.count === 0) return { value: undefined, exact: undefined };
  if (measure.kind === 'average') {
    const value = divideDecimal(readPart(part.sum), part.count);
    const rounded = parseDecimal(String(value));
    return { value, exact: rounded === undefined ? String(value) : printDecimal(rounded) };
  }
  const exact = readPart(part[measure.kind]);
  return { value: decimalToNumber(exact), exact: printDecimal(exact) };
}

class Group {
  count = 0;
  /** One per distinct field. */
  readonly sums: readonly Sums[];

  constructor(fields: number) {
    this.sums = Array.from({ length: fields }, () => new Sums());
  }
}

/** What is known about one field in one group. */
class Sums {
  #count = 0;
  readonly #sum = new Sum();
  #min: Extreme | undefined;
  #max: Extreme | undefined;

  /** False: the text is no number. */
  add(text: string): boolean {
    const small = parseSmallDecimal(text);
    const number = small === undefined ? parseDecimal(text) : undefined;
    if (small !== undefined) this.#sum.addSmall(small.units, small.scale);
    else if (number !== undefined) this.#sum.addBig(number);
    else return false;
    this.#count += 1;
    this.#widen(Number(text), text);
    return true;
  }

  addPart(part: MeasurePart): void {
    if (part.count === 0 || part.sum === '') return;
    this.#count += part.count;
    this.#sum.addBig(readPart(part.sum));
    this.#widen(Number(part.min), part.min);
    this.#widen(Number(part.max), part.max);
  }

  part(): MeasurePart {
    if (this.#count === 0 || this.#min === undefined || this.#max === undefined) return emptyPart;
    return {
      count: this.#count,
      sum: printDecimal(this.#sum.total()),
      min: printDecimal(readPart(this.#min.text)),
      max: printDecimal(readPart(this.#max.text)),
    };
  }

  /** Rounding keeps the order, so that only numbers which round to the same double need their digits. */
  #widen(rounded: number, text: string): void {
    if (this.#min === undefined || isLess(rounded, text, this.#min)) this.#min = { rounded, text };
    if (this.#max === undefined || isGreater(rounded, text, this.#max)) this.#max = { rounded, text };
  }
}

interface Extreme {
  readonly rounded: number;
  readonly text: string;
}

function isLess(rounded: number, text: string, than: Extreme): boolean {
  if (rounded !== than.rounded) return rounded < than.rounded;
  return text !== than.text && compareDecimals(readPart(text), readPart(than.text)) < 0;
}

function isGreater(rounded: number, text: string, than: Extreme): boolean {
  if (rounded !== than.rounded) return rounded > than.rounded;
  return text !== than.text && compareDecimals(readPart(text), readPart(than.text)) > 0;
}

/** A sum that is a safe integer of units of 10^-scale for as long as that is enough, which it nearly always is. */
class Sum {
  #big: Decimal = zero;
  #units = 0;
  #scale = 0;

  addSmall(units: number, scale: number): void {
    const finest = Math.max(scale, this.#scale);
    const sum = this.#units * 10 ** (finest - this.#scale) + units * 10 ** (finest - scale);
    // Each of the two is exact when the sum of their sizes is a safe integer: no product above 2^53 was rounded.
    const size = Math.abs(this.#units) * 10 ** (finest - this.#scale) + Math.abs(units) * 10 ** (finest - scale);
    if (Number.isSafeInteger(size)) {
      this.#units = sum;
      this.#scale = finest;
    } else {
      this.#big = addDecimals(this.total(), decimalOfSmall({ units, scale }));
      this.#units = 0;
      this.#scale = 0;
    }
  }

  addBig(number: Decimal): void {
    this.#big = addDecimals(this.#big, number);
  }

  total(): Decimal {
    return addDecimals(this.#big, decimalOfSmall({ units: this.#units, scale: this.#scale }));
  }
}

const emptyPart: MeasurePart = Object.freeze({ count: 0, sum: '', min: '', max: '' });

function countPart(count: number): MeasurePart {
  return { count, sum: '', min: '', max: '' };
}

/** Sums are longer than what may be written into metadata, and are printed without an exponent. */
function readPart(text: string): Decimal {
  const written = parseDecimal(text);
  if (written !== undefined) return written;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null || text.length > maxSumLength) throw unreadable(`${quote(text)} is no number`);
  const [, sign = '', whole = '', fraction = ''] = match;
  return addDecimals({ digits: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length }, zero);
}

/** The longest number before and behind the point, and 2^53 of them. */
const maxSumLength = 1024;

function distinctFields(measures: readonly Measure[]): string[] {
  return [...new Set(measures.filter(({ kind }) => kind !== 'count').map(({ field }) => field))];
}

function valueOf(metadata: Metadata | undefined, field: string): string | undefined {
  return metadata !== undefined && Object.hasOwn(metadata, field) ? metadata[field] : undefined;
}

function notANumber(key: string, field: string, text: string): Fault {
  return {
    cause: 'not-a-number',
    message:
      `the field ${quote(field)} of the record ${quote(key)} is ${quote(text)}; ` +
      'that is no decimal number that can be added up',
  };
}

function unreadable(what: string): EdisError {
  return new EdisError('protocol', `the answer to an aggregate cannot be read: ${what}`);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
