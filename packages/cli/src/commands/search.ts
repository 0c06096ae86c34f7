import type { GetResult, RecordStream } from '@edis/client';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { parseConditions } from '../condition-input.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { pageOptions, readOptions } from '../option.ts';
import { pageOptionsOf } from '../query-input.ts';
import { recordJson, showBytesLine, showMetadata } from '../record-view.ts';
import { noteCursor, printStream } from '../stream-print.ts';
import type { Column } from '../table.ts';
import { formatTable } from '../table.ts';
import { noteTextOrder } from '../text-order-note.ts';

export const search: CommandDefinition = {
  name: 'search',
  arguments: [{ name: 'CONDITION', repeated: true }],
  options: { ...pageOptions, ...readOptions },
  examples: [
    ['search team=core', 'records whose metadata has that value'],
    ['search team=core "age>=18" "age<30"', 'all must hold; quote < and >'],
    ['search name^=a --limit 10 --json', 'the first ten whose name begins with a'],
  ],
  async run({ positionals, options }, context) {
    const query = parseConditions(positionals);
    const page = await pageOptionsOf(options);
    return withClient(context, (client) => {
      noteTextOrder(query, client, context);
      const stream = client.search(query, page);
      const { output, settings } = context;
      if (output.isTerminal && !settings.json) return printTables(stream, context);
      const show = (record: GetResult) => (settings.json ? JSON.stringify(recordJson(record)) : recordLine(record));
      return printStream(stream, show, context);
    });
  },
};

/** The columns of the table, for programs that cut by tabs. */
function recordLine({ key, value, metadata }: GetResult): string {
  return [showBytesLine(key), showBytesLine(value), showMetadata(metadata)].join('\t');
}

/** A table knows its widths only when it has its rows; it waits for so many and no more. */
const maxTableRows = 1000;
/** A long value is cut: a line that wraps is no table. */
const maxValueLength = 40;

const columns: readonly Column<GetResult>[] = [
  { title: 'KEY', cell: ({ key }) => showBytesLine(key) },
  { title: 'VALUE', cell: ({ value }) => cut(showBytesLine(value)) },
  { title: 'METADATA', cell: ({ metadata }) => showMetadata(metadata) },
];

async function printTables(stream: RecordStream<GetResult>, context: CommandContext): Promise<number> {
  const { output } = context;
  let rows: GetResult[] = [];
  let found = 0;
  try {
    for await (const record of stream) {
      rows.push(record);
      found += 1;
      if (rows.length < maxTableRows) continue;
      const full = rows;
      rows = [];
      await output.line(formatTable(columns, full));
      if (output.closed) return exitCodes.done;
    }
  } finally {
    // What was found before an error is shown, too.
    if (rows.length > 0) await output.line(formatTable(columns, rows));
  }
  if (found === 0) output.note('edis: no record matches');
  noteCursor(stream.cursor, context);
  return exitCodes.done;
}

function cut(text: string): string {
  return text.length <= maxValueLength ? text : `${text.slice(0, maxValueLength - 1)}…`;
}
