import {
  EdisError,
  type GroupPage,
  limits,
  type Measure,
  type MeasureResult,
  mergeGroups,
  topGroups,
} from '@edis/core';
import { checkNumberBounds, predicatesOf } from './query-conditions.ts';
import type {
  AggregateGroupResult,
  AggregateQuery,
  AggregateResult,
  MeasureQuery,
  MeasureValue,
} from './query-options.ts';
import { askShard, type QueryCall, type QueryContext, type Question, shardsOf } from './query-runner.ts';
import { tell } from './read-reply.ts';

/** Counts and sums over metadata: each shard adds up its own, and the parts are added up here, exactly. */
export async function aggregateRecords<const Names extends string>(
  context: QueryContext,
  call: QueryCall,
  query: AggregateQuery<Names>,
): Promise<AggregateResult<Names>> {
  const names = namesOf(query.measures);
  const measures = names.map((name) => measureOf(name, query.measures[name]));
  const where = query.where === undefined ? [] : predicatesOf(query.where);
  if (query.where !== undefined) checkNumberBounds(query.where, context.routes.keyspaceOf(call.scope));
  const { groupBy } = query;
  if (groupBy === '') throw invalid('groupBy is empty; name a field, or leave it out');
  const top = topOf(query, names);
  const { shards } = await shardsOf(context, call);
  const question: Question<GroupPage> = (channel, head, limitsOfCall) =>
    channel.aggregate({ head, where, groupBy: groupBy ?? '', measures }, limitsOfCall);
  const answers = await allOrFirstError(call, (each) =>
    shards.map((shard) => askShard(context, each, shard, question)),
  );
  const { onReply } = call;
  if (onReply !== undefined) for (const { answer } of answers) tell(onReply, answer, undefined);
  const merged = mergeGroups(
    measures,
    answers.map(({ page }) => page.groups),
  );
  const groups = top === undefined ? merged : topGroups(merged, measures, top.index, top.count);
  return {
    groups: groups.map(({ group, count, results }): AggregateGroupResult<Names> => {
      const named = namedValues(names, measures, results);
      return { group: groupBy === undefined ? undefined : group, count, measures: named };
    }),
    servedBy: answers.map(({ answer }) => ({ node: answer.servedBy.node, shard: answer.servedBy.shard })),
    stalenessMs: Math.max(0, ...answers.map(({ answer }) => answer.stalenessMs)),
  };
}

/** The work of the other shards is ended when one has failed: nobody needs it any more. */
async function allOrFirstError<Result>(
  call: QueryCall,
  start: (call: QueryCall) => Promise<Result>[],
): Promise<Result[]> {
  const abort = new AbortController();
  const signal = call.signal === undefined ? abort.signal : AbortSignal.any([call.signal, abort.signal]);
  try {
    return await Promise.all(start({ ...call, signal }));
  } finally {
    abort.abort();
  }
}

function namesOf<Names extends string>(measures: Readonly<Record<Names, MeasureQuery>>): Names[] {
  const names: Names[] = [];
  for (const name in measures) if (Object.hasOwn(measures, name)) names.push(name);
  if (names.length > 0 && names.length <= limits.maxMeasures) return names;
  throw invalid(`the aggregate has ${names.length} measures; give 1 to ${limits.maxMeasures}`);
}

function measureOf(name: string, query: MeasureQuery): Measure {
  if (query === 'count') return { kind: 'count', field: '' };
  const [kind, field, ...more] = query === null || typeof query !== 'object' ? [] : Object.entries(query).flat();
  const known = kind === 'sum' || kind === 'min' || kind === 'max' || kind === 'average';
  if (known && typeof field === 'string' && field !== '' && more.length === 0) return { kind, field };
  const shapes = "'count', {sum}, {min}, {max} or {average} of a field";
  throw invalid(`the measure ${JSON.stringify(name)} is ${JSON.stringify(query)}; give ${shapes}`);
}

function topOf<Names extends string>(
  { top }: AggregateQuery<Names>,
  names: readonly Names[],
): { readonly index: number; readonly count: number } | undefined {
  if (top === undefined) return undefined;
  const index = names.indexOf(top.by);
  if (index < 0) throw invalid(`top.by is ${JSON.stringify(top.by)}; give one of the measures, ${names.join(', ')}`);
  if (Number.isSafeInteger(top.count) && top.count >= 1) return { index, count: top.count };
  throw invalid(`top.count is ${top.count}; give a whole number from 1`);
}

function namedValues<Names extends string>(
  names: readonly Names[],
  measures: readonly Measure[],
  results: readonly MeasureResult[],
): Readonly<Record<Names, MeasureValue>> {
  const values: Partial<Record<Names, MeasureValue>> = {};
  for (const [index, name] of names.entries()) {
    const { value, exact } = results[index] ?? { value: undefined, exact: undefined };
    values[name] = { kind: measures[index]?.kind ?? 'count', value, exact };
  }
  return completed(names, values);
}

function completed<Names extends string>(
  names: readonly Names[],
  values: Partial<Record<Names, MeasureValue>>,
): Readonly<Record<Names, MeasureValue>> {
  if (hasAll(names, values)) return values;
  throw new EdisError('internal', 'a measure has no value');
}

function hasAll<Names extends string>(
  names: readonly Names[],
  values: Partial<Record<Names, MeasureValue>>,
): values is Record<Names, MeasureValue> {
  return names.every((name) => values[name] !== undefined);
}

function invalid(message: string): EdisError {
  return new EdisError('invalid-argument', message);
}
