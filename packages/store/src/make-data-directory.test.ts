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

test.each([
  ['a file', [], 'something else has that name'],
  ['a directory below a file', ['data'], 'a part of the path is not a directory'],
])('%s is no data directory', async (_what, below, why) => {
  const file = join(directory, 'file');
  await writeFile(file, '');
  const path = join(file, ...below);
  const refused = makeDataDirectory(path);
  await expect(refused).rejects.toBeInstanceOf(EdisError);
  const message = `cannot make the data directory ${path}: ${why}`;
  await expect(refused).rejects.toMatchObject({ code: 'data-directory', message });
});

test('a place that takes no directories is refused, and not tried for ever', async () => {
  await expect(makeDataDirectory('/proc/nope/data')).rejects.toMatchObject({ code: 'data-directory' });
});
