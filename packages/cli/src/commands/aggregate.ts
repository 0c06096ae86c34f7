import type { AggregateGroupResult, AggregateResult, MeasureValue } from '@edis/client';
import type { CommandDefinition } from '../command.ts';
import { parseConditions } from '../condition-input.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { measureOptions, measuresOf } from '../measure-input.ts';
import { readOptions } from '../option.ts';
import { printableLine } from '../printable.ts';
import type { Column } from '../table.ts';
import { formatTable } from '../table.ts';
import { noteTextOrder } from '../text-order-note.ts';

export const aggregate: CommandDefinition = {
  name: 'aggregate',
  arguments: [{ name: 'CONDITION', optional: true, repeated: true }],
  options: { ...measureOptions, ...readOptions },
  examples: [
    ['aggregate --count --group-by team', 'records of each team'],
    ['aggregate team=core --sum age --avg age', 'over the records of one team'],
    ['aggregate --group-by team --top 3 --by sum:age', 'the three teams with the greatest sums'],
  ],
  async run({ positionals, options }, context) {
    const { output, settings } = context;
    const where = parseConditions(positionals);
    const query = { ...measuresOf(options), ...(positionals.length === 0 ? {} : { where }) };
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      noteTextOrder(where, client, context);
      const result = await client.aggregate(query, readOptions);
      if (settings.json) await output.json(resultJson(result));
      else await output.line(showResult(result, query.groupBy, Object.keys(query.measures)));
      return exitCodes.done;
    });
  },
};

function resultJson({ groups, servedBy, stalenessMs }: AggregateResult) {
  return {
    groups: groups.map(({ group, count, measures }) => ({
      group: group ?? null,
      count,
      measures: Object.fromEntries(Object.entries(measures).map(([name, measure]) => [name, measureJson(measure)])),
    })),
    servedBy: servedBy.map(({ node, shard }) => ({ node, shard })),
    stalenessMs,
  };
}

/** No record had the field: null. */
function measureJson({ value, exact }: MeasureValue) {
  return { value: value ?? null, exact: exact ?? null };
}

function showResult({ groups }: AggregateResult, groupBy: string | undefined, names: readonly string[]): string {
  const columns: Column<AggregateGroupResult>[] = names.map((name) => ({
    title: showTitle(name),
    align: 'right',
    cell: ({ measures }) => measures[name]?.exact ?? '–',
  }));
  if (groupBy !== undefined) {
    columns.unshift({ title: printableLine(groupBy).toUpperCase(), cell: ({ group = '' }) => printableLine(group) });
  }
  return formatTable(columns, groups);
}

function showTitle(name: string): string {
  const [kind = '', ...field] = name.split(':');
  return `${kind.toUpperCase()} ${printableLine(field.join(':'))}`.trimEnd();
}
