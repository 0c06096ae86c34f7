/** docs/cli.md shows what is true: its examples are run in their order, by a shell, on a cluster of `edis up`. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Programs, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edisFile, fieldOf } from './edis.ts';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const programs = new Programs();
let directory: string;
let environment: Record<string, string | undefined>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-docs-'));
  const up = programs.start(edisFile, ['up', '--json', '--port', '0', '--data', join(directory, 'data')]);
  const ready = await waitFor(
    () => {
      if (up.documents[0] === undefined && !up.running) throw new Error(`edis up ended: ${up.stderr.slice(-2000)}`);
      return up.documents[0];
    },
    () => `the ready line; on stderr there is ${up.stderr.slice(-2000)}`,
    60_000,
  );
  // The page types `edis`, as it is called where it is installed.
  await writeFile(join(directory, 'edis'), `#!/bin/sh\nexec "${process.execPath}" "${edisFile}" "$@"\n`, {
    mode: 0o755,
  });
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('EDIS_'));
  environment = {
    ...Object.fromEntries(inherited),
    EDIS_INFO: String(fieldOf(ready, 'info')),
    PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}`,
  };
});

afterAll(async () => {
  await programs.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

interface Example {
  readonly line: string;
  readonly printed: string;
}

/** Each `$ …` of a block marked `console`, with what stands below it. */
function examplesOf(text: string): Example[] {
  const blocks = [...text.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return { line: part.slice(0, end), printed: part.slice(end + 1) };
      }),
  );
}

/** `…` alone on a line stands for any lines, within a line for any text; spaces and tabs for each other. */
function patternOf(printed: string): RegExp {
  const lines = printed
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line.trim() === '…') return '(?:.*\\n)*';
      const parts = line.trim().split('…');
      return `[ \\t]*${parts.map((part) => escapePattern(part).replaceAll(/[ \t]+/g, '[ \\t]*')).join('.*')}[ \\t]*\\n`;
    });
  return new RegExp(`^${lines.join('')}$`);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function runInShell(line: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: environment, cwd: directory, timeout: 50_000 };
    // What it prints says how it ended, where the page shows that.
    const child = execFile('sh', ['-c', `{ ${line}\n} 2>&1`], options, (_, stdout) => resolve(stdout));
    child.stdin?.end();
  });
}

const examples = examplesOf(page);

test('the page has examples', () => {
  expect(examples.length).toBeGreaterThan(50);
  expect(patternOf('a … b\n…\nc\n').test('a x b\ny\nz\nc\n')).toBe(true);
  expect(patternOf('a … b\n').test('a x b\ny\n')).toBe(false);
});

test.each(examples)('$ $line', async ({ line, printed }) => {
  expect(await runInShell(line)).toMatch(patternOf(printed));
});
