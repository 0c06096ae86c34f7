import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from './log-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edis-log-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test('lines are appended to what an earlier run left', () => {
  const path = join(directory, 'logs', 'info.log');
  for (const line of ['one', 'two']) {
    const file = new LogFile(path);
    file.write(line);
    file.close();
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

test('a file that reached its bound is moved aside once', () => {
  const path = join(directory, 'info.log');
  writeFileSync(path, Buffer.alloc(16 * 1024 * 1024, 'x'));
  const file = new LogFile(path);
  file.write('the line that fills it');
  file.write('the first of the next file');
  file.close();
  expect(statSync(`${path}.1`).size).toBeGreaterThan(16 * 1024 * 1024);
  expect(readFileSync(path, 'utf8')).toBe('the first of the next file\n');
});

test('a directory that cannot be written does not disturb the cluster', () => {
  writeFileSync(join(directory, 'file'), '');
  const file = new LogFile(join(directory, 'file', 'info.log'));
  file.write('lost');
  expect(() => file.close()).not.toThrow();
});
