/** What `aggregate` is to compute, from its options. A measure is named as `--by` names it: `count`, `sum:age`. */
import type { AggregateQuery, MeasureQuery } from '@edis/client';
import { EdisError } from '@edis/core';
import type { OptionTable, OptionValues } from './option.ts';

const fieldMeasures: ReadonlyMap<string, (field: string) => MeasureQuery> = new Map([
  ['sum', (field: string): MeasureQuery => ({ sum: field })],
  ['min', (field: string): MeasureQuery => ({ min: field })],
  ['max', (field: string): MeasureQuery => ({ max: field })],
  ['avg', (field: string): MeasureQuery => ({ average: field })],
]);

export const measureOptions: OptionTable = {
  count: { kind: 'flag', description: 'how many records (the default, when nothing else is asked for)' },
  sum: { kind: 'list', placeholder: 'F', description: 'sum of a numeric field; repeatable' },
  min: { kind: 'list', placeholder: 'F', description: 'least value of a numeric field; repeatable' },
  max: { kind: 'list', placeholder: 'F', description: 'greatest value of a numeric field; repeatable' },
  avg: { kind: 'list', placeholder: 'F', description: 'average of a numeric field; repeatable' },
  'group-by': { kind: 'text', placeholder: 'F', description: 'one row for each value of that field' },
  top: { kind: 'text', placeholder: 'K', description: 'only the K groups with the greatest values' },
  by: { kind: 'text', placeholder: 'sum:F', description: 'of what measure --top takes the greatest (default count)' },
};

export function measuresOf(options: OptionValues): Omit<AggregateQuery, 'where'> {
  const measures = new Map<string, MeasureQuery>();
  if (options.flag('count')) measures.set('count', 'count');
  for (const [kind, make] of fieldMeasures) {
    for (const field of options.list(kind)) measures.set(`${kind}:${field}`, make(field));
  }
  const groupBy = options.text('group-by');
  const count = options.integer('top', 1, Number.MAX_SAFE_INTEGER);
  const by = options.text('by');
  if (count !== undefined && groupBy === undefined) {
    throw new EdisError('usage', '--top needs --group-by, for example --group-by team --top 3');
  }
  if (by !== undefined && count === undefined)
    throw new EdisError('usage', '--by belongs to --top, for example --top 3');
  // What decides the order is worth being seen.
  if (by !== undefined && !measures.has(by)) measures.set(by, parseMeasure(by));
  if (measures.size === 0 || (count !== undefined && by === undefined)) measures.set('count', 'count');
  return {
    measures: Object.fromEntries(measures),
    ...(groupBy === undefined ? {} : { groupBy }),
    ...(count === undefined ? {} : { top: { by: by ?? 'count', count } }),
  };
}

function parseMeasure(text: string): MeasureQuery {
  if (text === 'count') return text;
  const [, kind = '', field = ''] = /^([a-z]+):(.+)$/s.exec(text) ?? [];
  const make = fieldMeasures.get(kind);
  if (make !== undefined) return make(field);
  throw new EdisError('usage', `--by is '${text}'; write count, or sum:F, min:F, max:F or avg:F, for example sum:age`);
}
