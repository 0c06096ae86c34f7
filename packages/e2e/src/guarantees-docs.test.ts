/** Each test that docs/guarantees.md names is there under that title, and each reference leads to one. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = readFileSync(new URL('docs/guarantees.md', root), 'utf8');
const [promises = '', list = ''] = text.split('\n## Tests\n');

const entries = [...list.matchAll(/^- (\w+): (.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }));

test.each(entries)('$name names tests that exist', ({ rest }) => {
  const parts = rest.split(/(?=`[^`]+\.ts`)/).filter((part) => part.startsWith('`'));
  expect(parts.length).toBeGreaterThan(0);
  for (const part of parts) {
    const path = /^`([^`]+)`/.exec(part)?.[1] ?? '';
    const source = readFileSync(new URL(`packages/${path}`, root), 'utf8');
    for (const [, title = ''] of part.matchAll(/"([^"]+)"/g)) expect(source).toContain(title);
  }
});

test('every reference is in the list, and everything in the list is referred to', () => {
  const used = new Set(
    [...promises.matchAll(/\b(?:T\d+|[SMLV])(?=[,). ])/g)].map(([name]) => name).filter((name) => name !== ''),
  );
  expect([...used].sort()).toEqual(entries.map(({ name }) => name).sort());
});
