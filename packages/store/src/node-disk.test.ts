import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { NodeDisk } from './node-disk.ts';

let top: string;

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'edis-disk-'));
});

afterAll(async () => {
  await rm(top, { recursive: true });
});

test('a directory that is made is safe with all those above it that were made for it', async () => {
  const disk = new NodeDisk();
  const synced = vi.spyOn(disk, 'syncDirectory');
  await disk.makeDirectory(join(top, 'set-aside', 'store-1', 'log'));
  expect(synced.mock.calls).toEqual([[top], [join(top, 'set-aside')], [join(top, 'set-aside', 'store-1')]]);
});

test('a directory that is there is not synced again', async () => {
  const disk = new NodeDisk();
  const synced = vi.spyOn(disk, 'syncDirectory');
  await disk.makeDirectory(top);
  expect(synced).not.toHaveBeenCalled();
});

test('makers of the same directories do not disturb one another', async () => {
  const disk = new NodeDisk();
  const path = join(top, 'both', 'of', 'them');
  await Promise.all([disk.makeDirectory(path), disk.makeDirectory(path), disk.makeDirectory(join(path, 'below'))]);
  expect(await disk.list(path)).toEqual(['below']);
});

test('a file of that name, or above it, is no directory', async () => {
  const disk = new NodeDisk();
  const file = join(top, 'file');
  await writeFile(file, '');
  const taken = `cannot make the directory ${file}: something else has that name`;
  await expect(disk.makeDirectory(file)).rejects.toMatchObject({ code: 'disk', message: taken });
  const below = `cannot make the directory ${join(file, 'log')}: a part of the path is not a directory`;
  await expect(disk.makeDirectory(join(file, 'log'))).rejects.toMatchObject({ code: 'disk', message: below });
});

test('a place that takes no directories is refused, and not tried for ever', async () => {
  const message = expect.stringMatching(/^cannot make the directory \/proc\/nope\/log: ENOENT: .*'\/proc\/nope'$/);
  await expect(new NodeDisk().makeDirectory('/proc/nope/log')).rejects.toMatchObject({ code: 'disk', message });
});

test('a file that is written again over itself holds what it held, and goes on at its end', async () => {
  const file = new NodeDisk().open(join(top, 'rewritten'));
  const bytes = randomBytes(2_500_000);
  file.append([bytes]);
  await file.rewrite(1000);
  file.append([Buffer.from('end')]);
  await file.sync();
  expect(Buffer.concat([bytes, Buffer.from('end')]).equals(await file.read(0, file.size))).toBe(true);
  await file.close();
});
