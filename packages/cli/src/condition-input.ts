/** Conditions on metadata fields, as `search` and `aggregate` take them: `team=core`, `name^=a`, `age>=18`. */
import type { FieldCondition, SearchQuery } from '@edis/client';
import { EdisError } from '@edis/core';

type RangeOperator = '>' | '>=' | '<' | '<=';

interface Range {
  lower?: { readonly gt: string } | { readonly gte: string };
  upper?: { readonly lt: string } | { readonly lte: string };
}

interface Condition {
  readonly field: string;
  readonly operator: '=' | '^=' | RangeOperator;
  readonly value: string;
}

/** All must hold. Two of one field are a range; any other two exclude each other or say the same twice. */
export function parseConditions(texts: readonly string[]): SearchQuery {
  const query = new Map<string, FieldCondition>();
  const ranges = new Map<string, Range>();
  for (const text of texts) {
    const { field, operator, value } = parseCondition(text);
    if (operator !== '=' && operator !== '^=' && !query.has(field)) {
      const range = ranges.get(field) ?? {};
      narrow(range, operator, value, text);
      ranges.set(field, range);
      continue;
    }
    if (query.has(field) || ranges.has(field)) {
      throw new EdisError('usage', `'${text}': there is a condition on ${field} already; only a range has two`);
    }
    query.set(field, operator === '^=' ? { prefix: value } : { equals: value });
  }
  for (const [field, { lower, upper }] of ranges) query.set(field, { ...lower, ...upper });
  // A Map first, so that a field called __proto__ is a field.
  return Object.fromEntries(query);
}

function narrow(range: Range, operator: RangeOperator, value: string, text: string): void {
  const isLower = operator === '>' || operator === '>=';
  if ((isLower ? range.lower : range.upper) !== undefined) {
    throw new EdisError('usage', `'${text}': the range has ${isLower ? 'a lower' : 'an upper'} bound already`);
  }
  if (operator === '>') range.lower = { gt: value };
  else if (operator === '>=') range.lower = { gte: value };
  else if (operator === '<') range.upper = { lt: value };
  else range.upper = { lte: value };
}

function parseCondition(text: string): Condition {
  const [, field, operator, value] = /^([^=<>^]+)(\^=|>=|<=|=|>|<)(.*)$/s.exec(text) ?? [];
  if (field === undefined || operator === undefined || value === undefined) {
    throw new EdisError(
      'usage',
      `'${text}' is not a condition; write for example team=core, name^=a or 'age>=18' (in quotes: < and > mean ` +
        'something to a shell)',
    );
  }
  if (field.endsWith('!'))
    throw new EdisError('usage', `'${text}': there is no !=; conditions are =, ^=, >, >=, <, <=`);
  if (operator === '=' && value.startsWith('=')) {
    const meant = `${field}=${value.slice(1)}`;
    throw new EdisError(
      'usage',
      `'${text}': equality is one =, as in ${meant}; a value that begins with = is found as '${field}^=${value}'`,
    );
  }
  return { field, operator: checkedOperator(operator), value };
}

function checkedOperator(operator: string): Condition['operator'] {
  if (operator === '=' || operator === '^=') return operator;
  return operator === '>' || operator === '>=' || operator === '<' ? operator : '<=';
}
