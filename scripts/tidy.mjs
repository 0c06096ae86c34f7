// Checks of the whole tree that a formatter, a compiler and a linter do not make. `node scripts/tidy.mjs` prints what
// it finds, one fault a line, and exits with 1 when there is any. Each check is a function from the tree to faults, so
// that the test beside this file can give it a tree of its own.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const skippedFolders = new Set(['node_modules', 'dist', 'generated', 'coverage', '.git', '.edis']);
const maxColumns = 120;

/** The text files of a tree: path (with `/`) → text. */
export function readTree(root) {
  const files = new Map();
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !skippedFolders.has(entry.name)) visit(path);
      if (entry.isFile() && statSync(path).size < 4_000_000) {
        files.set(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'));
      }
    }
  };
  visit(root);
  return files;
}

function* linesOf(files, pattern) {
  for (const [path, text] of files) {
    if (!pattern.test(path)) continue;
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) yield { path, line, place: `${path}:${index + 1}` };
  }
}

/** Source lines fit the width; a line that is one long address cannot be broken. */
export function findWideLines(files) {
  const faults = [];
  for (const { line, place } of linesOf(files, /\.(ts|mjs|js|proto|sh)$/)) {
    if ([...line].length > maxColumns && !/https?:\/\/\S{60,}/.test(line)) {
      faults.push(`${place} is ${[...line].length} columns wide, at most ${maxColumns} are allowed`);
    }
  }
  return faults;
}

/** Parked work belongs in the issue tracker, switched-off tests nowhere. */
export function findBannedWords(files) {
  // Written in halves, so that this file does not find itself.
  const parked = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);
  const switchedOff = new RegExp(`\\b(it|test|describe)(\\.\\w+)*\\.(${['skip', 'todo', 'only'].join('|')})(If)?\\b`);
  const conditional = /\b(it|test|describe)(\.\w+)*\.runIf\b/;
  const faults = [];
  for (const { line, place } of linesOf(files, /\.(ts|mjs|js|proto|sh|md|yml|yaml|json)$|Dockerfile$/)) {
    const word = parked.exec(line);
    if (word) faults.push(`${place} has a parked ${word[1]}: do it, or open an issue`);
    if (!/\.(ts|mjs)$/.test(place.split(':')[0])) continue;
    if (/^\s*export \* /.test(line)) faults.push(`${place} exports with a star: list the names`);
    if (switchedOff.test(line) || conditional.test(line)) faults.push(`${place} switches a test off or singles it out`);
  }
  return faults;
}

/** Files are named after what they hold. */
export function findShapelessNames(files) {
  const shapeless = /(^|-)(util|utils|helper|helpers|manager|managers|common|misc)\.(test\.)?(ts|mjs|js)$/;
  const faults = [];
  for (const path of files.keys()) {
    if (!/^(packages|examples|scripts)\//.test(path)) continue;
    if (shapeless.test(basename(path))) faults.push(`${path} is named after nothing: name the one thing it holds`);
    if (path.endsWith('.ts') && !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|system|config|d))?\.ts$/.test(basename(path))) {
      faults.push(`${path} is not in kebab-case`);
    }
  }
  return faults;
}

function manifestsOf(files) {
  return [...files.keys()]
    .filter((path) => /^((packages|examples)\/[^/]+\/)?package\.json$/.test(path))
    .map((path) => ({ path, folder: posix.dirname(path), manifest: JSON.parse(files.get(path)) }));
}

const isPinned = (version) => /^(workspace:\*|\d+\.\d+\.\d+(-[\w.]+)?)$/.test(version);

/** A dependency is one exact version, so that a build of tomorrow is the build of today. */
export function findLooseVersions(files) {
  const faults = [];
  for (const { path, manifest } of manifestsOf(files)) {
    const dependencies = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    for (const [name, version] of Object.entries(dependencies)) {
      if (!isPinned(version)) faults.push(`${path} asks for ${name} ${version}: pin one exact version`);
    }
  }
  return faults;
}

function referencesOf(files, path) {
  const text = files.get(path);
  if (text === undefined) return undefined;
  const config = JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));
  return new Set((config.references ?? []).map((reference) => posix.join(posix.dirname(path), reference.path)));
}

/** The build knows every package, and the compiler's references are the package's own dependencies. */
export function findForgottenReferences(files) {
  const faults = [];
  const packages = manifestsOf(files).filter(({ folder }) => folder !== '.');
  const folders = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]));
  for (const list of ['packages/tsconfig.json', 'tsconfig.json']) {
    const references = referencesOf(files, list) ?? new Set();
    for (const { folder } of packages) {
      if (!references.has(folder)) faults.push(`${list} does not refer to ${folder}`);
    }
  }
  for (const { folder, manifest } of packages) {
    const references = referencesOf(files, `${folder}/tsconfig.json`);
    if (references === undefined) {
      faults.push(`${folder} has no tsconfig.json`);
      continue;
    }
    const wanted = new Set(Object.keys(manifest.dependencies ?? {}).flatMap((name) => folders.get(name) ?? []));
    for (const other of wanted) {
      if (!references.has(other)) faults.push(`${folder}/tsconfig.json does not refer to its dependency ${other}`);
    }
    for (const other of references) {
      if (!wanted.has(other)) faults.push(`${folder}/package.json does not depend on ${other}, but its build does`);
    }
  }
  return faults;
}

/** GitHub's way to make an anchor of a heading. */
function anchorsOf(markdown) {
  const anchors = new Set();
  for (const [, heading] of markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const anchor = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let name = anchor;
    for (let copy = 1; anchors.has(name); copy += 1) name = `${anchor}-${copy}`;
    anchors.add(name);
  }
  return anchors;
}

/** Links between pages, and from pages to files, lead somewhere. */
export function findBrokenLinks(files) {
  const faults = [];
  const folders = new Set(['.']);
  for (const path of files.keys()) {
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) folders.add(folder);
  }
  for (const [path, text] of files) {
    if (!path.endsWith('.md')) continue;
    const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
    for (const [, link] of prose.matchAll(/\]\(([^()\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file, anchor] = link.split('#');
      const target = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file)).replace(/\/$/, '');
      if (!files.has(target) && !folders.has(target)) faults.push(`${path} links to ${link}, which is not there`);
      else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(files.get(target)).has(anchor)) {
        faults.push(`${path} links to ${link}, but ${target} has no such heading`);
      }
    }
  }
  return faults;
}

const sourceFile = /^(?:packages|examples)\/[^/]+\/(src|bin|system|compose)\/.*\.(ts|js|mjs)$/;
const declaration = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let) (\w+)/gm;

/** What runs and is exported is used by another file, and each file is reached from another. */
export function findDeadCode(files) {
  const faults = [];
  const sources = [...files].filter(([path]) => sourceFile.test(path));
  const words = new Map(sources.map(([path, text]) => [path, new Set(text.match(/\w+/g))]));
  const usedElsewhere = (word, path) => sources.some(([other]) => other !== path && words.get(other).has(word));
  for (const [path, text] of sources) {
    const name = basename(path);
    if (!path.includes('/src/') || /^(index|main)\.ts$/.test(name) || name.endsWith('.test.ts')) continue;
    const stem = name.replace(/\.ts$/, '');
    const reached = new RegExp(`[/']${stem}\\.(ts|js)'`);
    if (!sources.some(([other, code]) => other !== path && reached.test(code))) {
      faults.push(`${path} is imported by no other file`);
    }
    for (const [, exported] of text.matchAll(declaration)) {
      if (!usedElsewhere(exported, path)) faults.push(`${path} exports ${exported}, which no other file names`);
    }
  }
  return faults;
}

export function findFaults(files) {
  const checks = [
    findWideLines,
    findBannedWords,
    findShapelessNames,
    findLooseVersions,
    findForgottenReferences,
    findBrokenLinks,
    findDeadCode,
  ];
  return checks.flatMap((check) => check(files));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = findFaults(readTree(dirname(dirname(fileURLToPath(import.meta.url)))));
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stderr.write(faults.length === 0 ? 'The tree is tidy.\n' : `${faults.length} faults.\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
