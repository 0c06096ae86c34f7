import { indexNumber } from './index-value.ts';
import type { IndexKind, KeyspaceSettings } from './keyspace-settings.ts';
import { indexKindOf } from './keyspace-settings.ts';
import { limits } from './limits.ts';
import type { InvalidCause } from './operation.ts';
import type { Fault } from './operation-check.ts';
import type { AggregateRequest, Bound, Measure, Predicate, ScanRequest, SearchRequest } from './query.ts';
import { orderingPredicate } from './search-plan.ts';

/** Records of a page when the request names no number. */
export const defaultPageRecords = 1000;

/** A place behind the longest key is that key and one more byte. */
const maxPlaceBytes = limits.maxKeyBytes + 1;

/** What is wrong with a scan; undefined: nothing. */
export function checkScan(request: ScanRequest): Fault | undefined {
  return (
    checkPlaceKey('first key', request.from) ??
    checkPlaceKey('last key', request.to) ??
    checkMaxRecords(request.maxRecords)
  );
}

/** What is wrong with a search of a keyspace that has these settings; undefined: nothing. */
export function checkSearch(request: SearchRequest, settings: KeyspaceSettings): Fault | undefined {
  const { where, after } = request;
  if (where.length === 0) return malformed('the search has no condition; give at least one, or scan');
  const fault = checkWhere(where, settings) ?? checkMaxRecords(request.maxRecords);
  if (fault !== undefined || after === undefined) return fault;
  const keyFault = checkPlaceKey('key of the place', after.key);
  if (keyFault !== undefined) return keyFault;
  const ordering = orderingPredicate(where);
  if (ordering === undefined) {
    if (after.value === '') return undefined;
    return malformed('the place has a value, but the order is by key alone; it belongs to another search');
  }
  return checkValue('the value of the place', ordering.field, after.value, indexKindOf(settings, ordering.field));
}

/** What is wrong with an aggregate over a keyspace that has these settings; undefined: nothing. */
export function checkAggregate(request: AggregateRequest, settings: KeyspaceSettings): Fault | undefined {
  const { where, groupBy, measures } = request;
  if (measures.length === 0) return malformed('the aggregate has no measure; give at least one');
  if (measures.length > limits.maxMeasures) {
    return malformed(`the aggregate has ${measures.length} measures; at most ${limits.maxMeasures} are allowed`);
  }
  for (const measure of measures) {
    const fault = checkMeasure(measure);
    if (fault !== undefined) return fault;
  }
  return checkText('the field to group by', groupBy) ?? checkWhere(where, settings);
}

function checkMeasure({ kind, field }: Measure): Fault | undefined {
  if (kind === 'count') {
    return field === '' ? undefined : malformed(`count has a field, ${quote(field)}; count is of records, name none`);
  }
  if (field === '') return malformed(`${kind} has no field; name the field whose ${kind} is wanted`);
  return checkText(`the field of ${kind}`, field);
}

function checkWhere(where: readonly Predicate[], settings: KeyspaceSettings): Fault | undefined {
  if (where.length > limits.maxPredicates) {
    return malformed(`the query has ${where.length} conditions; at most ${limits.maxPredicates} are allowed`);
  }
  for (const predicate of where) {
    const fault = checkPredicate(predicate, settings);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkPredicate(predicate: Predicate, settings: KeyspaceSettings): Fault | undefined {
  const { field } = predicate;
  const kind = indexKindOf(settings, field);
  if (kind === undefined) return notIndexed(field, settings);
  switch (predicate.kind) {
    case 'equals':
      return checkValue('the value', field, predicate.value, kind);
    case 'prefix':
      if (kind === 'text') return checkText('the prefix', predicate.prefix);
      return malformed(
        `the field ${quote(field)} is indexed as a number, which has no prefix; give a range or a value`,
      );
    case 'range': {
      const { from, to } = predicate;
      if (from === undefined && to === undefined)
        return malformed(`the range of ${quote(field)} has no bound; give one`);
      return checkBound('lower', field, from, kind) ?? checkBound('upper', field, to, kind);
    }
    default:
      return malformed(`the condition on ${quote(field)} is none of equals, prefix, range`);
  }
}

function notIndexed(field: string, settings: KeyspaceSettings): Fault {
  const fields = (settings.indexedFields ?? []).map((indexed) => quote(indexed.field)).join(', ');
  const indexed = fields === '' ? 'no field' : fields;
  return fault('field-not-indexed', `the field ${quote(field)} is not indexed; the keyspace indexes ${indexed}`);
}

function checkBound(which: string, field: string, bound: Bound | undefined, kind: IndexKind): Fault | undefined {
  return bound === undefined ? undefined : checkValue(`the ${which} bound`, field, bound.value, kind);
}

function checkValue(what: string, field: string, value: string, kind: IndexKind | undefined): Fault | undefined {
  if (kind !== 'number') return checkText(what, value);
  if (indexNumber(value) !== undefined) return undefined;
  return fault(
    'not-a-number',
    `${what} for ${quote(field)} is ${quote(value)}, which is no number; the field is indexed as a number`,
  );
}

function checkText(what: string, text: string): Fault | undefined {
  if (text.length <= limits.maxMetadataBytes) return undefined;
  return malformed(`${what} has ${text.length} characters; metadata has at most ${limits.maxMetadataBytes} bytes`);
}

function checkPlaceKey(what: string, key: string): Fault | undefined {
  if (key.length <= maxPlaceBytes) return undefined;
  return fault('key-too-large', `the ${what} has ${key.length} bytes; a key has at most ${limits.maxKeyBytes} bytes`);
}

function checkMaxRecords(maxRecords: number): Fault | undefined {
  if (Number.isInteger(maxRecords) && maxRecords >= 0 && maxRecords <= limits.maxPageRecords) return undefined;
  return malformed(
    `${maxRecords} records are asked for; give 1 to ${limits.maxPageRecords}, or 0 for ${defaultPageRecords}`,
  );
}

function malformed(message: string): Fault {
  return fault('malformed', message);
}

function fault(cause: InvalidCause, message: string): Fault {
  return { cause, message };
}

/** The beginning will do to recognise it by. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
