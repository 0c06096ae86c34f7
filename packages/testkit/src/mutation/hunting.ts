import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Catch, Errand } from './errand.ts';
import { parseCatch } from './errand.ts';

/** Sends a bundled copy hunting, in a process of its own. */
export async function hunt(program: string, errand: Errand, timeoutMs: number): Promise<Catch> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(JSON.stringify(errand));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) {
    throw new Error(`the hunt ended with ${code ?? `a signal after at most ${timeoutMs} ms`}: ${errors}`);
  }
  return parseCatch(output);
}
