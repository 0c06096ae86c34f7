import {
  type Bound,
  EdisError,
  indexKindOf,
  type Keyspace,
  limits,
  orderingPredicate,
  type Predicate,
} from '@edis/core';
import type { FieldCondition, SearchQuery } from './query-options.ts';

const bounds = ['gt', 'gte', 'lt', 'lte'] as const;
const shapes = 'a text, {equals}, {prefix}, or a range of gt or gte and lt or lte';

/** Conditions as they travel. */
export function predicatesOf(query: SearchQuery): Predicate[] {
  if (query === null || typeof query !== 'object') throw invalid('the conditions are no object; give them by field');
  const fields = Object.entries(query);
  if (fields.length > limits.maxPredicates) {
    throw invalid(`the query has ${fields.length} conditions; at most ${limits.maxPredicates} are allowed`);
  }
  if (fields.some(([field]) => field === '')) throw invalid('a condition has an empty field; name one');
  return fields.map(([field, condition]) => predicateOf(field, condition));
}

/**
 * Refuses bounds that are numbers on a field that is ordered as text, where '9' is above '18': nobody means that.
 * @param keyspace undefined: not known yet; nothing is refused
 */
export function checkNumberBounds(query: SearchQuery, keyspace: Keyspace | undefined): void {
  if (keyspace === undefined) return;
  for (const [field, condition] of Object.entries(query)) {
    if (typeof condition === 'string' || indexKindOf(keyspace.settings, field) !== 'text') continue;
    if (!Object.values(condition).some((bound) => typeof bound === 'number')) continue;
    throw invalid(
      `${JSON.stringify(field)} is ordered as text in keyspace ${keyspace.name}, where 9 is above 18; create a ` +
        'keyspace that indexes it as number, or give bounds as text',
    );
  }
}

/** The same text for the same conditions in the same order of results. */
export function conditionsText(where: readonly Predicate[]): string {
  return JSON.stringify([orderingPredicate(where)?.field ?? '', ...where.map((each) => JSON.stringify(each)).sort()]);
}

function predicateOf(field: string, condition: FieldCondition): Predicate {
  if (typeof condition === 'string') return { kind: 'equals', field, value: condition };
  if (condition === null || typeof condition !== 'object') {
    throw invalid(`the condition on ${JSON.stringify(field)} is ${String(condition)}; give ${shapes}`);
  }
  const given = new Map<string, unknown>(Object.entries(condition).filter(([, value]) => value !== undefined));
  const names = [...given.keys()];
  if (names.length === 1 && names[0] === 'equals')
    return { kind: 'equals', field, value: textOf(field, given, 'equals') };
  if (names.length === 1 && names[0] === 'prefix') {
    return { kind: 'prefix', field, prefix: textOf(field, given, 'prefix') };
  }
  const isRange = names.length > 0 && names.every((name) => bounds.some((bound) => bound === name));
  if (!isRange) {
    const has = names.length === 0 ? 'nothing' : names.join(', ');
    throw invalid(`the condition on ${JSON.stringify(field)} has ${has}; give ${shapes}`);
  }
  return { kind: 'range', field, from: boundOf(field, given, 'gt', 'gte'), to: boundOf(field, given, 'lt', 'lte') };
}

function textOf(field: string, given: ReadonlyMap<string, unknown>, name: string): string {
  const value = given.get(name);
  if (typeof value === 'string') return value;
  throw invalid(`${name} of ${JSON.stringify(field)} is ${String(value)}; give a text, as metadata has it`);
}

function boundOf(
  field: string,
  given: ReadonlyMap<string, unknown>,
  exclusive: string,
  inclusive: string,
): Bound | undefined {
  if (given.has(exclusive) && given.has(inclusive)) {
    throw invalid(`${exclusive} and ${inclusive} of ${JSON.stringify(field)} exclude each other; give one of them`);
  }
  const name = given.has(exclusive) ? exclusive : inclusive;
  const value = given.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'string') return { value, inclusive: name === inclusive };
  if (typeof value === 'number' && Number.isFinite(value))
    return { value: String(value), inclusive: name === inclusive };
  throw invalid(`${name} of ${JSON.stringify(field)} is ${shownValue(value)}; give a text or a finite number`);
}

/** NaN and Infinity have no form in JSON. */
function shownValue(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function invalid(message: string): EdisError {
  return new EdisError('invalid-argument', message);
}
