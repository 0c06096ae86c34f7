/** Each test that docs/guarantees.md names is there under that title and runs, and each reference leads to one. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = readFileSync(new URL('docs/guarantees.md', root), 'utf8');
const [promises = '', list = ''] = text.split('\n## Tests\n');

const entries = [...list.matchAll(/^- (\w+): (.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }));

/** `test('`, `it("`, `test.each([…])('`, also of a group: at the beginning of a line, so that a comment is none. */
const declaration =
  /^[ \t]*(?:test|it|describe)(?:\.concurrent)?(?:\.each\([^]*?\))?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gm;
/** What keeps a test, or all tests of a `describe`, from running. */
const notRun = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|fails|only)\b/;

/** Titles of the tests that a file declares and runs. */
function titlesOf(source: string): readonly string[] {
  return [...source.matchAll(declaration)].map(([, , title = '']) => title.replaceAll(/\\(.)/g, '$1'));
}

/** Each file of an entry with the titles that are named there. */
function partsOf(rest: string): readonly { readonly path: string; readonly titles: readonly string[] }[] {
  const parts = rest.split(/(?=`[^`]+\.ts`)/).filter((part) => part.startsWith('`'));
  return parts.map((part) => ({
    path: /^`([^`]+)`/.exec(part)?.[1] ?? '',
    titles: [...part.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  }));
}

test.each(entries)('$name names tests that are declared and run', ({ rest }) => {
  const parts = partsOf(rest);
  expect(parts.length).toBeGreaterThan(0);
  for (const { path, titles } of parts) {
    const source = readFileSync(new URL(`packages/${path}`, root), 'utf8');
    expect(notRun.exec(source)?.[0], path).toBeUndefined();
    expect(titlesOf(source), path).toEqual(expect.arrayContaining([...titles]));
  }
});

test('a comment, a mere string and a test that is left out are no declarations', () => {
  const source = [
    "test('runs', () => {});",
    "  it.each([[1, f(2)]])('runs %i times', () => {});",
    "test.each([\n  { cut: 'off' },\n])(\n  'runs \\'so\\'', () => {});",
    "// test('a comment', () => {});",
    " * test('another', () => {});",
    "const text = 'a string';",
  ].join('\n');
  expect(titlesOf(source)).toEqual(['runs', 'runs %i times', "runs 'so'"]);
  for (const [what, how] of [
    ['test', 'skip'],
    ['describe', 'skip'],
    ['it', 'todo'],
    ['test', 'only'],
  ]) {
    const left = `${what}.${how}('x', () => {});`;
    expect(titlesOf(left)).toEqual([]);
    expect(left).toMatch(notRun);
  }
});

test('every reference is in the list, and everything in the list is referred to', () => {
  const used = new Set(
    [...promises.matchAll(/\b(?:T\d+|[SMLV])(?=[,). ])/g)].map(([name]) => name).filter((name) => name !== ''),
  );
  expect([...used].sort()).toEqual(entries.map(({ name }) => name).sort());
});
