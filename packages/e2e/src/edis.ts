import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Ended, ProgramOptions } from '@edis/testkit';
import { Program } from '@edis/testkit';

/** The file of the `edis` binary, as npx runs it. */
export const edisFile = join(dirname(dirname(createRequire(import.meta.url).resolve('@edis/cli'))), 'bin', 'edis.js');

/** A command that takes longer than a test may has hung. */
const killAfterMs = 50_000;

/** The `edis` commands of one cluster; each call is a process of its own. */
export class Edis {
  readonly #info: string;

  constructor(info: string) {
    this.#info = info;
  }

  run(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
    const env = { EDIS_INFO: this.#info, ...options.env };
    return new Program(edisFile, args, { killAfterMs, ...options, env }).ended;
  }

  /** One field of the first document that a command prints with --json. */
  async field(name: string, ...args: string[]): Promise<unknown> {
    const [document] = (await this.json(...args)).documents;
    return fieldOf(document, name);
  }

  /** Runs it with --json and returns the documents on stdout with the exit code. */
  async json(...args: string[]): Promise<{ code: number | null; documents: readonly unknown[] }> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (stderr !== '') throw new Error(`edis ${args.join(' ')} printed an error: ${stderr}`);
    const documents = stdout.trimEnd().split('\n');
    return { code, documents: documents.map((line): unknown => JSON.parse(line)) };
  }
}

export function fieldOf(document: unknown, name: string): unknown {
  return typeof document === 'object' && document !== null ? Reflect.get(document, name) : undefined;
}
