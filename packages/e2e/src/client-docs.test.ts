/**
 * docs/client.md shows what is true: its TypeScript is compiled and run, in the order of the page, as one program
 * against a cluster, and what each example prints is what its comments say. Examples of tests are run by vitest.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestCluster, type TestCluster } from '@edis/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const page = readFileSync(new URL('../../../docs/client.md', import.meta.url), 'utf8');
const root = fileURLToPath(new URL('../../../', import.meta.url));
/** What is below it finds the packages, and no tool looks into it. */
const place = fileURLToPath(new URL('../dist/', import.meta.url));
const find = createRequire(import.meta.url).resolve;

const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => block);
const isTest = (block: string): boolean => block.includes("from 'vitest'");
const steps = blocks.filter((block) => !isTest(block));
/** Printed before the output of each example. */
const mark = '\u001e';

let cluster: TestCluster;
let folder: string;
let compiled: Ended;
let outputs: string[];
let tested: Ended;

interface Ended {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

function run(file: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(EDIS_|VITEST|NODE_ENV|FORCE_COLOR)/.test(name),
    );
    const env = { ...Object.fromEntries(inherited), NO_COLOR: '1', ...environment };
    const child = execFile(process.execPath, [file, ...args], { env, timeout: 50_000 }, (_, output, errors) =>
      resolve({ exitCode: child.exitCode ?? -1, output, errors }),
    );
  });
}

/** The compiler's settings of a careful application, and no more. */
function compilerSettings(files: readonly string[]): string {
  const types = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')], skipLibCheck: true };
  const language = { target: 'es2023', module: 'nodenext', strict: true, noUncheckedIndexedAccess: true };
  return JSON.stringify({ compilerOptions: { ...types, ...language, outDir: 'out', rootDir: '.' }, files });
}

beforeAll(async () => {
  await mkdir(place, { recursive: true });
  folder = await mkdtemp(join(place, 'client-docs-'));
  cluster = await createTestCluster();
  await writeFile(join(folder, 'page.ts'), steps.map((block) => `console.log('\\u001e');\n${block}`).join('\n'));
  await writeFile(join(folder, 'page.test.ts'), blocks.filter(isTest).join('\n'));
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {};');
  await writeFile(join(folder, 'tsconfig.json'), compilerSettings(['page.ts', 'page.test.ts']));
  const compiler = join(dirname(find('typescript/package.json')), 'bin/tsc');
  compiled = await run(compiler, ['-p', folder, '--pretty', 'false']);
  const ran = await run(join(folder, 'out/page.js'), [], { EDIS_INFO: cluster.info });
  outputs = ran.output.split(`${mark}\n`).slice(1);
  // The example that it broke at says why.
  if (ran.exitCode !== 0) outputs[outputs.length - 1] += ran.errors;
  tested = await run(join(dirname(find('vitest/package.json')), 'vitest.mjs'), [
    'run',
    '--root',
    folder,
    'page.test.ts',
  ]);
}, 120_000);

afterAll(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the comments of an example say that it prints; a line of it may be broken where the page is too narrow. */
function printedBy(block: string): string {
  return [...block.matchAll(/\/\/ → (.*)\n/g)].map(([, printed = '']) => printed).join(' ');
}

/** `…` stands for any text, and one space for any. */
function patternOf(printed: string): RegExp {
  const parts = printed
    .trim()
    .split('…')
    .map((part) =>
      part
        .split(/\s+/)
        .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
        .join(String.raw`\s+`),
    );
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

/** The section of the page that it is in, and its first line of code. */
function titleOf(block: string): string {
  const heading = /.*^## (.*?)$/ms.exec(page.slice(0, page.indexOf(block)))?.[1] ?? '';
  return `${heading}: ${block.split('\n').find((line) => !/^(import|\/|$)/.test(line)) ?? ''}`;
}

test('the page has examples, and compiles', () => {
  expect(steps.length).toBeGreaterThan(20);
  expect(compiled.output).toBe('');
  expect(compiled.exitCode).toBe(0);
});

test('the pattern of a comment allows what it leaves out, and nothing else', () => {
  expect('{ node: 12,\n  role: 1 }').toMatch(patternOf('{ node: …, role: 1 }'));
  expect('{ node: 12, role: 2 }').not.toMatch(patternOf('{ node: …, role: 1 }'));
});

test.each(steps.map((block, index) => [titleOf(block), block, index] as const))('%s', (_, block, index) => {
  expect(outputs[index]?.trim()).toMatch(patternOf(printedBy(block)));
});

test('the example of a test passes', () => {
  expect(tested.output + tested.errors).toMatch(/Tests\s+2 passed \(2\)/);
  expect(tested.exitCode).toBe(0);
});
