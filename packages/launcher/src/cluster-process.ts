/**
 * One process of a cluster: a real one, of a separate binary.
 *
 * Guarantees: the process ends when the launcher does, however that ended, because its stdin is a pipe that only the
 * launcher holds (`--exit-with-stdin`); closing it is also how the launcher ends a whole cluster. It stays in the
 * launcher's process group, so a terminal's Ctrl-C reaches it, and it ignores that: the launcher orders to drain.
 * A restart uses the same data and the same port.
 * Assumes: the binary logs JSON lines on stdout, with `event` `listening` and `ready`, as every role does.
 * Shaped by: tests that died and left a cluster behind, which then held the ports of the next run.
 */

import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ErrorCode } from '@edis/core';
import { EdisError, errorCodes } from '@edis/core';
import { LineSplitter } from './line-splitter.ts';
import { LogFile } from './log-file.ts';
import type { ProcessLine } from './process-line.ts';
import { parseProcessLine, textField } from './process-line.ts';

export type ProcessRole = 'info' | 'write-shard' | 'read-shard';

/** `waiting`: not started yet, because its shard's write shard has to be there first. */
export type ProcessState = 'waiting' | 'starting' | 'listening' | 'ready' | 'exited';

/** How a process ended: by itself with a code, or by a signal. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ClusterProcessOptions {
  readonly name: string;
  readonly role: ProcessRole;
  /** The file that Node runs. */
  readonly binary: string;
  /** Flags without `--listen`, which the process adds. */
  readonly flags: readonly string[];
  readonly host: string;
  /** 0: a free one, kept for every restart. */
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile?: string;
  readonly onLine?: (process: ClusterProcess, line: ProcessLine) => void;
  readonly onChange?: (process: ClusterProcess) => void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Lines that are kept for error texts. */
const maxKeptLines = 50;

/** Exit codes of the binaries (docs/cli.md), as what they mean to who started them. */
const errorCodeByExitCode: ReadonlyMap<number, ErrorCode> = new Map([
  [2, 'usage'],
  [3, 'unreachable'],
  [4, 'busy'],
  [5, 'refused'],
  [74, 'disk'],
]);

export class ClusterProcess {
  readonly name: string;
  readonly role: ProcessRole;
  readonly #options: ClusterProcessOptions;
  readonly #logFile: LogFile | undefined;
  readonly #watchers = new Set<() => void>();
  #flags: readonly string[];
  #child: Child | undefined;
  #state: ProcessState = 'waiting';
  #address: string | undefined;
  #shard: string | undefined;
  #port: number;
  #lastLines: string[] = [];
  #lastErrorLine: string | undefined;
  #failureCode: ErrorCode | undefined;
  #isLeading = false;
  #appeal: string | undefined;
  #exited: Promise<ExitStatus> = Promise.resolve({ code: null, signal: null });
  #exitStatus: ExitStatus | undefined;

  constructor(options: ClusterProcessOptions) {
    this.name = options.name;
    this.role = options.role;
    this.#options = options;
    this.#flags = options.flags;
    this.#port = options.port;
    this.#logFile = options.logFile === undefined ? undefined : new LogFile(options.logFile);
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  /** host:port, known from its first `listening` on. */
  get address(): string | undefined {
    return this.#address;
  }

  /** The shard that it belongs to, as it said itself. Undefined for info, and before it said so. */
  get shard(): string | undefined {
    return this.#shard;
  }

  /** It is the primary of its shard, as it said itself. */
  get leading(): boolean {
    return this.running && this.#isLeading;
  }

  /** What it needs a person for before it can serve; undefined: nothing. */
  get appeal(): string | undefined {
    return this.running ? this.#appeal : undefined;
  }

  get running(): boolean {
    return this.#state !== 'waiting' && this.#state !== 'exited';
  }

  /** What a person types to start it by hand, on the same data and port. */
  get commandLine(): string {
    const listen = `${this.#options.host}:${this.#port}`;
    return ['node', this.#options.binary, ...this.#flags, '--listen', listen].map(quoteForShell).join(' ');
  }

  /** The newest lines of the current run, oldest first. */
  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  /** How its last run ended; undefined while it runs. */
  get exitStatus(): ExitStatus | undefined {
    return this.#exitStatus;
  }

  /** Resolves when the current run ends; at once when it was never started. Never rejects. */
  get exited(): Promise<ExitStatus> {
    return this.#exited;
  }

  /** Flags that are only known once another process runs. */
  addFlags(flags: readonly string[]): void {
    this.#flags = [...this.#flags, ...flags];
  }

  /** Starts it, again on the same data and port. Resolves when it runs; {@link waitFor} says when it serves. */
  async start(): Promise<void> {
    if (this.running) throw new EdisError('usage', `${this.name} is running already`);
    const listen = `${this.#options.host}:${this.#port}`;
    const child = spawn(
      process.execPath,
      [this.#options.binary, ...this.#flags, '--listen', listen, '--exit-with-stdin'],
      { stdio: ['pipe', 'pipe', 'pipe'], env: this.#options.env, detached: false },
    );
    this.#child = child;
    this.#lastLines = [];
    this.#lastErrorLine = undefined;
    this.#failureCode = undefined;
    this.#isLeading = false;
    this.#appeal = undefined;
    this.#exitStatus = undefined;
    this.#enter('starting');
    this.#exited = this.#follow(child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        reject(new EdisError('internal', `${this.name} cannot be started: ${error.message}`, { cause: error }));
      });
    });
  }

  /** Sends a signal. False: it does not run. */
  kill(signal: NodeJS.Signals): boolean {
    return this.running && this.#child !== undefined && this.#child.kill(signal);
  }

  /** Tells it to end, as all others do: it drains, and hands nothing over. */
  end(): void {
    this.#child?.stdin.end();
  }

  /**
   * Resolves when the state is reached; rejects when the process ends before, or at the timeout. `settled`: it is
   * ready, or nothing but a person can make it so.
   */
  waitFor(state: 'listening' | 'ready' | 'settled', timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const watch = () => {
        const isSettled = state === 'settled' && this.appeal !== undefined;
        if (this.#state === 'ready' || this.#state === state || isSettled) settle(resolve);
        else if (this.#state === 'exited') settle(() => reject(this.exitError()));
      };
      const abort = () => settle(() => reject(new EdisError('aborted', `no longer waiting for ${this.name}`)));
      const timer = setTimeout(() => settle(() => reject(this.#timeoutError(state, timeoutMs))), timeoutMs);
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        signal?.removeEventListener('abort', abort);
        end();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Why it does not run any more, in one line. */
  exitError(): EdisError {
    const status = this.#exitStatus;
    const reason = this.#lastErrorLine ?? 'it printed no reason';
    if (status?.code === null || status === undefined) {
      return new EdisError('closed', `${this.name} was ended by ${status?.signal ?? 'an unknown signal'}`);
    }
    const code = this.#failureCode ?? errorCodeByExitCode.get(status.code) ?? 'internal';
    return new EdisError(code, `${this.name} ended with exit code ${status.code}: ${reason}`);
  }

  closeLog(): void {
    this.#logFile?.close();
  }

  #timeoutError(state: string, timeoutMs: number): EdisError {
    const last = this.#lastLines.at(-1);
    const tail = last === undefined ? 'it printed nothing' : `its last line: ${last}`;
    return new EdisError('deadline', `${this.name} is not ${state} after ${timeoutMs} ms (${this.#state}); ${tail}`);
  }

  #follow(child: Child): Promise<ExitStatus> {
    // The pipe to a process that has just ended may fail with EPIPE, although nothing is ever written to it.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
    this.#read(child.stdout, 'stdout');
    this.#read(child.stderr, 'stderr');
    return new Promise((resolve) => {
      let ended = false;
      const end = (status: ExitStatus) => {
        if (ended) return;
        ended = true;
        this.#exitStatus = status;
        this.#enter('exited');
        resolve(status);
      };
      // `close` comes after the last line was read, so the reason of an exit is known when it is told.
      child.once('close', (code, signal) => end({ code, signal }));
      child.once('error', () => {
        if (child.pid === undefined) end({ code: 70, signal: null });
      });
    });
  }

  #read(source: Readable, stream: 'stdout' | 'stderr'): void {
    const splitter = new LineSplitter((text) => this.#onText(stream, text));
    source.on('data', (chunk: Buffer) => splitter.push(chunk));
    source.once('end', () => splitter.end());
  }

  #onText(stream: 'stdout' | 'stderr', text: string): void {
    const line = parseProcessLine(stream, text);
    this.#lastLines.push(text);
    if (this.#lastLines.length > maxKeptLines) this.#lastLines.shift();
    if (stream === 'stderr') this.#lastErrorLine = text;
    this.#logFile?.write(text);
    this.#onEvent(line);
    this.#options.onLine?.(this, line);
  }

  #onEvent(line: ProcessLine): void {
    const event = textField(line, 'event');
    if (event === 'failed') this.#failureCode = errorCodes.find((code) => code === textField(line, 'code'));
    if (event === 'active') this.#isLeading = true;
    if (event === 'primary-ended') this.#isLeading = false;
    if (event === 'refused') this.#refuse(line);
    if (event !== 'listening' && event !== 'ready') return;
    if (event === 'ready') this.#appeal = undefined;
    this.#shard = (textField(line, 'shard') ?? '') === '' ? this.#shard : textField(line, 'shard');
    const address = textField(line, 'address');
    const port = Number(address?.slice(address.lastIndexOf(':') + 1));
    if (address !== undefined && Number.isInteger(port) && port > 0) {
      this.#port = port;
      this.#address = `${connectHost(this.#options.host)}:${port}`;
    }
    if (event === 'ready' || this.#state !== 'ready') this.#enter(event);
  }

  /** Info will not have it for now. */
  #refuse(line: ProcessLine): void {
    this.#appeal = textField(line, 'cause') === 'waits-for-operator' ? textField(line, 'msg') : undefined;
    this.#enter(this.#state);
  }

  #enter(state: ProcessState): void {
    this.#state = state;
    for (const watcher of this.#watchers) watcher();
    this.#options.onChange?.(this);
  }
}

/** Where a process can be dialled that listens on this host. */
function connectHost(host: string): string {
  return host === '0.0.0.0' || host === '[::]' ? 'localhost' : host;
}

function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
