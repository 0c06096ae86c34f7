import Table from 'cli-table3';

const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  cell(row: Row): string;
}

/**
 * A table that is too wide goes on below with the columns that were left, each part with the first ones again.
 * @param keptCount how many columns say what a row is
 * @param width Infinity: as wide as it is
 */
export function formatWrappedTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  keptCount: number,
  width: number,
): string {
  const kept = columns.slice(0, keptCount);
  const parts: string[] = [];
  let shown = kept;
  for (const column of columns.slice(keptCount)) {
    const wider = [...shown, column];
    if (shown.length > keptCount && widthOf(formatTable(wider, rows)) > width) {
      parts.push(formatTable(shown, rows));
      shown = [...kept, column];
    } else shown = wider;
  }
  return [...parts, formatTable(shown, rows)].join('\n\n');
}

function widthOf(text: string): number {
  return Math.max(...text.split('\n').map(({ length }) => length));
}

/** Rows as aligned text without lines around them, so that it can also be cut by columns. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const table = new Table({
    head: columns.map((column) => column.title),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: noLines,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(columns.map((column) => column.cell(row)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
