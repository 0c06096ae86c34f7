import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { waitFor } from './wait-for.ts';

export interface ProgramOptions {
  /** Added to an environment without EDIS_ variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** What stdin gives before it ends. @default nothing */
  readonly stdin?: string | Uint8Array;
  /** Stdin stays open until `closeStdin`. */
  readonly keepStdinOpen?: boolean;
  /** One that runs longer has failed, and is ended by SIGKILL. @default never */
  readonly killAfterMs?: number;
}

/** How a program ended, and all that it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of a JavaScript file in a process of its own, as a person would start it. */
export class Program {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stdout = '';
  #stderr = '';

  constructor(
    file: string,
    args: readonly string[],
    { env, stdin = '', keepStdinOpen = false, killAfterMs }: ProgramOptions,
  ) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('EDIS_'));
    const child = spawn(process.execPath, [file, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(inherited), ...env },
    });
    this.#child = child;
    // A program that ends before it has read its input breaks the pipe.
    child.stdin.on('error', () => {});
    if (!keepStdinOpen) child.stdin.end(stdin);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the program could not be started');
    return pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it has printed until now. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The JSON documents on its stdout that are whole lines. */
  get documents(): readonly Record<string, unknown>[] {
    return this.#stdout.split('\n').slice(0, -1).flatMap(parseObject);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  closeStdin(): void {
    this.#child.stdin.end();
  }

  /** Waits for a line of its log with this `event`. */
  event(event: string, timeoutMs = 30_000): Promise<Record<string, unknown>> {
    return waitFor(
      () => {
        const found = this.documents.find((document) => document['event'] === event);
        if (found === undefined && !this.running) throw new Error(`it ended: ${this.#stderr}`);
        return found;
      },
      () => `a line with event ${event}; it printed ${this.#stdout.slice(-2000)}${this.#stderr}`,
      timeoutMs,
    );
  }
}

function parseObject(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return [];
  const parsed: unknown = JSON.parse(line);
  return typeof parsed === 'object' && parsed !== null ? [Object.fromEntries(Object.entries(parsed))] : [];
}

/** The programs of one test file: those that still run at `close` are ended. */
export class Programs {
  readonly #started: Program[] = [];

  start(file: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const program = new Program(file, args, options);
    this.#started.push(program);
    return program;
  }

  async close(): Promise<void> {
    for (const program of this.#started) if (program.running) program.kill('SIGKILL');
    await Promise.all(this.#started.map((program) => program.ended));
  }
}
