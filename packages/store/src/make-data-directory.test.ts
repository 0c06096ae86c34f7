import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdisError } from '@edis/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeDataDirectory } from './make-data-directory.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-data-directory-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

test('makes the directories above it, and takes one that is there', async () => {
  const path = join(directory, 'a', 'b', 'c');
  await makeDataDirectory(path);
  await makeDataDirectory(path);
  expect(existsSync(path)).toBe(true);
});

test('a directory below a file is no data directory', async () => {
  const file = join(directory, 'file');
  await writeFile(file, '');
  const refused = makeDataDirectory(join(file, 'data'));
  await expect(refused).rejects.toBeInstanceOf(EdisError);
  await expect(refused).rejects.toMatchObject({ code: 'data-directory', message: expect.stringContaining('ENOTDIR') });
});

test('a place that takes no directories is refused, and not tried for ever', async () => {
  await expect(makeDataDirectory('/proc/nope/data')).rejects.toMatchObject({ code: 'data-directory' });
});
