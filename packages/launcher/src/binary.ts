import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EdisError } from '@edis/core';
import type { ProcessRole } from './cluster-process.ts';

/** Files that Node runs, one for each role. */
export type Binaries = Readonly<Record<ProcessRole, string>>;

const require = createRequire(import.meta.url);

/**
 * Finds a binary through its package's name, so that it works in the workspace, in a deployed directory and when
 * installed. The package's main file leads to its directory, because `package.json` itself is not among its exports.
 */
function locateBinary(packageName: string, binary: string): string {
  let directory: string;
  try {
    directory = dirname(dirname(require.resolve(packageName)));
  } catch (error) {
    throw new EdisError('usage', `${binary} is not built: run \`npm run setup\` first`, { cause: error });
  }
  const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const path = join(directory, binaryPath(manifest, binary));
  if (!existsSync(path)) throw new EdisError('usage', `${path} does not exist: run \`npm run setup\` first`);
  return path;
}

function binaryPath(manifest: unknown, binary: string): string {
  if (typeof manifest === 'object' && manifest !== null && 'bin' in manifest) {
    const { bin } = manifest;
    if (typeof bin === 'object' && bin !== null) {
      const path: unknown = Object.entries(bin).find(([name]) => name === binary)?.[1];
      if (typeof path === 'string') return path;
    }
  }
  throw new EdisError('internal', `the package of ${binary} names no file for it`);
}

export function locateBinaries(): Binaries {
  return {
    info: locateBinary('@edis/info', 'edis-info'),
    'write-shard': locateBinary('@edis/write-shard', 'edis-write-shard'),
    'read-shard': locateBinary('@edis/read-shard', 'edis-read-shard'),
  };
}
