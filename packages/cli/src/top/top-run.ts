/** Asks a cluster again and again how it is, and shows the answers: on a screen, as plain text, or as JSON. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClusterStats } from '@edis/client';
import { EdisError } from '@edis/core';
import pico from 'picocolors';
import type { CommandContext } from '../command.ts';
import { statsJson } from '../commands/stats.ts';
import { exitCodes } from '../exit-code.ts';
import type { KeySource, ScreenTarget } from './screen.ts';
import { Screen } from './screen.ts';
import type { TopPicture } from './top-view.ts';
import { showTop } from './top-view.ts';

export interface TopOptions {
  readonly intervalMs: number;
  /** Ends after that many. */
  readonly count: number;
  readonly ending: AbortController;
}

const ctrlC = '\u0003';
const ctrlD = '\u0004';

/** For a pipe: pictures one below the other, or a line of JSON for each. */
export async function printTop(client: Client, options: TopOptions, context: CommandContext): Promise<number> {
  const { output, settings } = context;
  const { signal } = options.ending;
  for (let shown = 0; shown < options.count && !output.closed; shown += 1) {
    if (shown > 0) await pause(options.intervalMs, signal);
    if (signal.aborted) break;
    const { topology, replies, fault, stats } = await takePicture(client);
    if (settings.json) await output.json({ atMs: Date.now(), revision: topology.revision, stats: statsJson(stats) });
    else {
      const size = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
      await output.line([...(shown > 0 ? [''] : []), ...showTop({ topology, replies, fault }, size)].join('\n'));
    }
  }
  return exitCodes.done;
}

/** For a person: the whole screen until a key ends it. An answer that does not come leaves the last picture. */
export async function watchTop(
  client: Client,
  options: TopOptions,
  terminal: { readonly target: ScreenTarget; readonly keys: KeySource; readonly colors: boolean },
): Promise<number> {
  const { ending, intervalMs, count } = options;
  const colors = pico.createColors(terminal.colors);
  let picture: TopPicture | undefined;
  const draw = () => {
    if (picture === undefined) return;
    const { columns, rows } = screen.size;
    const [title = '', ...lines] = showTop(picture, { columns, rows: rows - 1 });
    screen.draw([colors.bold(title), ...lines, colors.dim('q or Ctrl-C ends'.slice(0, columns))]);
  };
  const onKey = (key: string) => {
    if (['q', 'Q', ctrlC, ctrlD].includes(key)) ending.abort();
  };
  const screen = new Screen(terminal.target, terminal.keys, { key: onKey, resize: draw });
  screen.open();
  try {
    for (let shown = 0; shown < count && !ending.signal.aborted; shown += 1) {
      if (shown > 0) await pause(intervalMs, ending.signal);
      picture = await unlessEnded(renew(client, picture), picture, ending.signal);
      draw();
    }
  } finally {
    screen.close();
  }
  return exitCodes.done;
}

async function takePicture(client: Client): Promise<TopPicture & { readonly stats: ClusterStats }> {
  const stats = await client.clusterStats();
  return { topology: client.topology(), replies: stats.nodes, fault: undefined, stats };
}

async function renew(client: Client, last: TopPicture | undefined): Promise<TopPicture> {
  try {
    return await takePicture(client);
  } catch (caught) {
    if (last === undefined) throw caught;
    return { ...last, fault: EdisError.from(caught).message };
  }
}

/** The last picture, if the signal fires before there is a newer one. */
async function unlessEnded(
  renewed: Promise<TopPicture>,
  last: TopPicture | undefined,
  signal: AbortSignal,
): Promise<TopPicture | undefined> {
  let onAbort = () => {};
  const ended = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) resolve(undefined);
  });
  try {
    return (await Promise.race([renewed, ended])) ?? last;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Ends early when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
