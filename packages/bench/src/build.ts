import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from '@edis/launcher';

/** Files of another checkout. Its processes are told what this one's are: the launcher's and the driver's flags. */
function built(checkout: string, ...path: readonly string[]): string {
  const file = join(checkout, 'packages', ...path);
  if (existsSync(file)) return file;
  throw new Error(`${file} does not exist: ${checkout} is no checkout of Edis, or \`npm run setup\` was not run in it`);
}

export function binariesOf(checkout: string): Binaries {
  return {
    info: built(checkout, 'info', 'bin', 'edis-info.js'),
    'write-shard': built(checkout, 'write-shard', 'bin', 'edis-write-shard.js'),
    'read-shard': built(checkout, 'read-shard', 'bin', 'edis-read-shard.js'),
  };
}

export function driverOf(checkout: string): string {
  return built(checkout, 'bench', 'dist', 'driver.js');
}
