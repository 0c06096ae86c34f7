import { describe, expect, it } from 'vitest';
import {
  findBannedWords,
  findBrokenLinks,
  findDeadCode,
  findForgottenReferences,
  findLooseVersions,
  findShapelessNames,
  findWideLines,
} from './tidy.mjs';

const tree = (files) => new Map(Object.entries(files));

describe('tidy', () => {
  it('a line of 121 columns is too wide, one of 120 and a long address are not', () => {
    const faults = findWideLines(
      tree({ 'a.ts': 'x'.repeat(120), 'b.ts': 'x'.repeat(121), 'c.ts': `// https://e.org/${'x'.repeat(120)}` }),
    );
    expect(faults).toEqual(['b.ts:1 is 121 columns wide, at most 120 are allowed']);
  });

  it('parked work, star exports and switched-off tests are found', () => {
    const parked = ['TO', 'DO'].join('');
    const skip = ['it.', "skipIf(true)('x')"].join('');
    const faults = findBannedWords(
      tree({ 'a.ts': `// ${parked}: later\nexport * from './b.ts';\n`, 'a.test.ts': skip }),
    );
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual(['a.ts:1', 'a.ts:2', 'a.test.ts:1']);
  });

  it('a file named after nothing is refused, common.proto is not', () => {
    const faults = findShapelessNames(
      tree({ 'packages/a/src/string-utils.ts': '', 'packages/a/src/fooBar.ts': '', 'proto/v1/common.proto': '' }),
    );
    expect(faults).toHaveLength(2);
  });

  it('a version range is not pinned', () => {
    const manifest = JSON.stringify({ dependencies: { a: '^1.0.0', b: '1.0.0', c: 'workspace:*' } });
    expect(findLooseVersions(tree({ 'packages/a/package.json': manifest }))).toHaveLength(1);
  });

  it('a package that the build does not know, or whose references are not its dependencies, is found', () => {
    const faults = findForgottenReferences(
      tree({
        'tsconfig.json': '{ "references": [{ "path": "./packages/a" }, { "path": "./packages/b" }] }',
        'packages/tsconfig.json': '{ "references": [{ "path": "./a" }] }',
        'packages/a/package.json': '{ "name": "@edis/a" }',
        'packages/a/tsconfig.json': '{ "references": [{ "path": "../b" }] }',
        'packages/b/package.json': '{ "name": "@edis/b", "dependencies": { "@edis/a": "workspace:*" } }',
        'packages/b/tsconfig.json': '// why\n{}',
      }),
    );
    expect(faults).toEqual([
      'packages/tsconfig.json does not refer to packages/b',
      'packages/a/package.json does not depend on packages/b, but its build does',
      'packages/b/tsconfig.json does not refer to its dependency packages/a',
    ]);
  });

  it('a link to a missing file or heading is found', () => {
    const faults = findBrokenLinks(
      tree({
        'README.md':
          '[a](docs/a.md) [b](docs/b.md) [c](docs/a.md#the-log) [d](docs/a.md#no) [e](docs/) [f](https://x.y)',
        'docs/a.md': '# A\n\n## The `log`\n',
      }),
    );
    expect(faults).toHaveLength(2);
  });

  it('an unused export and an unreached file are found', () => {
    const faults = findDeadCode(
      tree({
        'packages/a/src/index.ts': "export { used } from './used.ts';",
        'packages/a/src/used.ts': 'export const used = 1;\nexport const unused = 2;',
        'packages/a/src/lost.ts': 'export {};',
      }),
    );
    expect(faults).toEqual([
      'packages/a/src/used.ts exports unused, which no other file names',
      'packages/a/src/lost.ts is imported by no other file',
    ]);
  });
});
