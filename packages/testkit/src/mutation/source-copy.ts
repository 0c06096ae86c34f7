import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applyPatch, parsePatch } from 'diff';
import { rolldown } from 'rolldown';

/** Of the tree that this file stands in, built or not. */
const originalPackages = fileURLToPath(new URL('../../..', import.meta.url));
const scope = '@edis/';
/** Whose sources, with those of all that it depends on, a simulated run is made of. */
const entryPackage = 'testkit';
const entryFile = 'src/mutation/hunt.ts';

/**
 * A temporary copy of the sources that a simulated run is made of, in which a bug can be planted.
 *
 * Guarantees that the original is never written, that a patch either applies as a whole or is refused, and that what
 * `bundle` makes holds the copy's sources alone, the patched ones among them. Assumes one caller at a time.
 */
export class SourceCopy {
  readonly #directory: string;
  /** Texts before the patches, by path. */
  readonly #originals = new Map<string, string>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(): Promise<SourceCopy> {
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'edis-mutants-')));
    const packages = join(directory, 'packages');
    for (const name of await packagesOf(entryPackage)) await copyPackage(name, packages);
    return new SourceCopy(directory);
  }

  /** A program with that bug in it, and none of others: a unified diff of files below `packages`. */
  async plant(name: string, patch: string): Promise<string> {
    try {
      await this.#apply(name, patch);
      return await this.bundle(name);
    } finally {
      await this.#revert();
    }
  }

  async #apply(name: string, patch: string): Promise<void> {
    const changes = new Map<string, string>();
    for (const part of parsePatch(patch).filter(({ hunks }) => hunks.length > 0)) {
      const file = (part.newFileName ?? '').replace(/^b\//, '');
      const path = join(this.#directory, file);
      const text = await readFile(path, 'utf8').catch(() => {
        throw new Error(`mutant ${name} does not apply: there is no ${file}`);
      });
      const patched = applyPatch(text, part);
      if (patched === false || patched === text) {
        const why = 'the lines that it changes are no longer there; write the bug into the code as it is now';
        throw new Error(`mutant ${name} does not apply to ${file}: ${why}`);
      }
      this.#originals.set(path, this.#originals.get(path) ?? text);
      changes.set(path, patched);
    }
    if (changes.size === 0) throw new Error(`mutant ${name} changes no file`);
    for (const [path, text] of changes) await writeFile(path, text);
  }

  async #revert(): Promise<void> {
    for (const [path, text] of this.#originals) await writeFile(path, text);
    this.#originals.clear();
  }

  /** Makes one program of the copy as it is now, which `node` runs; returns its path. */
  async bundle(name: string): Promise<string> {
    const file = join(this.#directory, `${name}.mjs`);
    const build = await rolldown({
      input: join(this.#directory, 'packages', entryPackage, entryFile),
      platform: 'node',
      // Whatever opens sockets or native databases is left out: a simulated run has neither.
      treeshake: { moduleSideEffects: false },
      resolve: { conditionNames: ['source', 'node', 'import', 'default'] },
      logLevel: 'silent',
    });
    try {
      const { output } = await build.write({ file, format: 'esm', codeSplitting: false });
      this.#check(output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : [])));
    } finally {
      await build.close();
    }
    return file;
  }

  /** What runs is the copy, and has what was changed in it. */
  #check(modules: readonly string[]): void {
    const own = modules.filter((path) => !path.includes(`${sep}node_modules${sep}`) && !path.startsWith('\0'));
    const foreign = own.find((path) => !path.startsWith(this.#directory + sep));
    if (foreign !== undefined) throw new Error(`the copy runs ${foreign}, which is not its own`);
    for (const path of this.#originals.keys()) {
      if (!own.includes(path)) throw new Error(`no simulated run has ${path}: nothing to see there`);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A package of the workspace and all that it depends on, by folder. */
async function packagesOf(name: string, known: Set<string> = new Set()): Promise<ReadonlySet<string>> {
  if (known.has(name)) return known;
  known.add(name);
  const manifest: unknown = JSON.parse(await readFile(join(originalPackages, name, 'package.json'), 'utf8'));
  for (const dependency of dependenciesOf(manifest)) {
    if (dependency.startsWith(scope)) await packagesOf(dependency.slice(scope.length), known);
  }
  return known;
}

function dependenciesOf(manifest: unknown): readonly string[] {
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return [];
  const { dependencies } = manifest;
  return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : [];
}

/** Its manifest and sources; packages from elsewhere are those of the original, those of the workspace the copies. */
async function copyPackage(name: string, packages: string): Promise<void> {
  const from = join(originalPackages, name);
  const to = join(packages, name);
  await mkdir(to, { recursive: true });
  await cp(join(from, 'package.json'), join(to, 'package.json'));
  await cp(join(from, 'src'), join(to, 'src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts'),
  });
  for (const dependency of await installedIn(join(from, 'node_modules'))) {
    const link = join(to, 'node_modules', dependency);
    await mkdir(dirname(link), { recursive: true });
    const target = dependency.startsWith(scope)
      ? join(packages, dependency.slice(scope.length))
      : await realpath(join(from, 'node_modules', dependency));
    await symlink(target, link, 'junction');
  }
}

/** Names of packages, also of those in a scope. */
async function installedIn(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith('.')) continue;
    if (!name.startsWith('@')) names.push(name);
    else for (const scoped of await readdir(join(directory, name))) names.push(`${basename(name)}/${scoped}`);
  }
  return names;
}
