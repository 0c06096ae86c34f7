import type { ClusterDescription } from '@edis/core';
import type { ClusterProcess, ProcessLine } from '@edis/launcher';
import { textField } from '@edis/launcher';
import { createLogUpdate } from 'log-update';
import pico from 'picocolors';
import { showCount } from '../figure.ts';
import { formatTable } from '../table.ts';
import type { MemberRow } from '../topology-view.ts';
import { memberRows, showLag, showState } from '../topology-view.ts';
import type { UpView } from './up-view.ts';

/** pino's numbers; below `warn` lines go to the log files only, while the cluster ends below `error`. */
const warnLevel = 40;
const errorLevel = 50;

export interface LiveViewOptions {
  readonly terminal: NodeJS.WriteStream;
  readonly colors: boolean;
  /** Where the whole logs are; undefined: nowhere. */
  readonly logDirectory: string | undefined;
}

/** For a person at a terminal: a table that is kept up to date, and warnings above it. */
export function liveView(options: LiveViewOptions): UpView {
  const { terminal } = options;
  const colors = pico.createColors(options.colors);
  const update = createLogUpdate(terminal, { showCursor: true });
  let frame = '';
  let shownLevel = warnLevel;
  const note = (text: string) => {
    update.clear();
    terminal.write(`${text}\n`);
    if (frame !== '') update(frame);
  };
  return {
    note,
    onLine: (process, line) => {
      const text = importantText(line, shownLevel);
      if (text !== undefined) note(`${colors.yellow(`[${process.name}]`)} ${text}`);
    },
    refresh: (cluster, description) => {
      const lines = showProcesses(cluster.processes, description).split('\n');
      const cut = lines.map((line) => line.slice(0, (terminal.columns ?? Number.POSITIVE_INFINITY) - 1));
      const logs = options.logDirectory === undefined ? '' : `logs in ${options.logDirectory} · `;
      frame = ['', ...cut, '', colors.dim(`${logs}Ctrl-C drains and ends the cluster`)].join('\n');
      update(frame);
    },
    end: () => {
      // That others end is what was asked for, and no news.
      shownLevel = errorLevel;
      frame = '';
      update.done();
    },
  };
}

function importantText({ stream, text, fields }: ProcessLine, shownLevel: number): string | undefined {
  if (fields === undefined) return stream === 'stderr' ? text : undefined;
  const level = fields['level'];
  if (typeof level !== 'number' || level < shownLevel) return undefined;
  return [textField({ stream, text, fields }, 'event'), textField({ stream, text, fields }, 'msg')]
    .filter((part) => part !== undefined)
    .join(': ');
}

interface ProcessRow {
  readonly process: ClusterProcess;
  readonly member: MemberRow | undefined;
}

export function showProcesses(
  processes: readonly ClusterProcess[],
  description: ClusterDescription | undefined,
): string {
  const members = new Map(
    (description === undefined ? [] : memberRows(description)).map((row) => [row.member.node, row]),
  );
  const rows: ProcessRow[] = processes.map((process) => ({ process, member: members.get(process.name) }));
  return formatTable(
    [
      { title: 'PROCESS', cell: ({ process }) => process.name },
      { title: 'ROLE', cell: ({ process, member }) => member?.member.role ?? process.role },
      { title: 'SHARD', cell: ({ process, member }) => member?.shard.shard ?? process.shard ?? '' },
      { title: 'PID', align: 'right', cell: ({ process }) => String(process.pid ?? '') },
      { title: 'ADDRESS', cell: ({ process }) => process.address ?? '' },
      { title: 'STATE', cell: stateOf },
      { title: 'KEYS', align: 'right', cell: ({ member }) => showFigure(member?.report?.recordCount) },
      { title: 'OPS/S', align: 'right', cell: ({ member }) => showFigure(member?.report?.operationsPerSecond) },
      { title: 'LAG', align: 'right', cell: ({ member }) => (member === undefined ? '' : showLag(member)) },
    ],
    rows,
  );
}

function stateOf({ process, member }: ProcessRow): string {
  // It may have been started again by hand: then info knows better than who started it first.
  if (!process.running && member?.member.alive === true) return showState(member.member, member.report);
  if (process.state !== 'ready' || member === undefined) return process.state;
  return showState(member.member, member.report);
}

function showFigure(figure: number | undefined): string {
  return figure === undefined ? '' : showCount(figure);
}
