import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** What the compiler counts for the sample, with room for its next version; deep types would take thousands more. */
const maxInstantiations = 4_000;
const minCalls = 200;

const folder = fileURLToPath(new URL('./testing/', import.meta.url));
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

it('an application with 200 typed calls costs the compiler few instantiations', async () => {
  const sample = readFileSync(join(folder, 'sample-application.ts'), 'utf8');
  const body = sample.slice(0, sample.indexOf('function sampleApplication'));
  const views = 'client|session|own|users|orders|invoices|products|devices|messages|visits|accounts';
  expect(body.match(new RegExp(`\\b(${views})\\.\\w+[<(]`, 'g'))?.length).toBeGreaterThanOrEqual(minCalls);
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', folder, '--extendedDiagnostics']);
  const instantiations = Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1]);
  expect(instantiations).toBeGreaterThan(0);
  expect(instantiations).toBeLessThan(maxInstantiations);
});
