import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { History, historyPath, maxHistoryLines } from './history.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-history-'));
});
afterEach(() => rm(directory, { recursive: true }));

test.each([
  [{}, '/home/ada/.edis_history'],
  [{ XDG_STATE_HOME: '/state' }, '/state/edis/history'],
  [{ XDG_STATE_HOME: '' }, '/home/ada/.edis_history'],
  [{ EDIS_HISTORY: '/h', XDG_STATE_HOME: '/state' }, '/h'],
  [{ EDIS_HISTORY: '' }, undefined],
])('with %o the history is at %s', (environment, path) => {
  expect(historyPath(environment, '/home/ada')).toBe(path);
});

test('what was typed is there in the next session, newest first, and for nobody else', async () => {
  const path = join(directory, 'deep', 'history');
  const history = new History(path);
  expect(await history.load()).toEqual([]);
  for (const line of ['put a 1', '   ', 'esc\u001b[2J', 'get a']) history.add(line);
  await history.flush();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await new History(path).load()).toEqual(['get a', 'put a 1']);
});

test('the file stays bounded, and becomes private', async () => {
  const path = join(directory, 'history');
  const lines = Array.from({ length: 2 * maxHistoryLines + 1 }, (_, index) => `get ${index}`);
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o644 });
  const loaded = await new History(path).load();
  expect([loaded.length, loaded[0]]).toEqual([maxHistoryLines, lines.at(-1)]);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(maxHistoryLines + 1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a history that cannot be kept is said, and no error', async () => {
  const history = new History(directory);
  expect(await history.load()).toEqual([]);
  history.add('get a');
  await history.flush();
  expect(history.fault).toContain('EISDIR');
});
