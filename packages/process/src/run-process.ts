/**
 * The life of every binary: read the settings, start the role, serve, drain, end.
 *
 * Guarantees: SIGTERM, SIGINT and SIGHUP drain within `drainMs`, a second signal ends at once; the process always ends,
 * even if drain or close hang; whatever goes wrong is one line on stderr without a stack trace, and the documented exit
 * code. Assumes that `close` may be called after a drain that failed or ran out of time.
 *
 * Children of a launcher share its process group, so that a Ctrl-C reaches them too: with --exit-with-stdin they leave
 * SIGINT to the launcher, and end when it does, because their stdin closes with it, however it died.
 */
import { constants } from 'node:os';
import { EdisError } from '@edis/core';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import type { Logger, LoggerOptions, LogLevel } from './logger.ts';
import { createLogger } from './logger.ts';
import type { ProcessHost } from './process-host.ts';
import { nodeHost } from './process-host.ts';
import type { Settings } from './settings.ts';
import { formatHelp, parseSettings } from './settings.ts';

/** The part of a config that the process itself needs; commonSettings has it. */
export interface ProcessConfig {
  readonly logLevel: LogLevel;
  readonly drainMs: number;
  readonly exitWithStdin: boolean;
}

/** A role that serves. */
export interface RunningRole {
  /** Takes nothing new and finishes what it has. `withCluster`: its launcher ends, and with it all other processes. */
  drain(withCluster?: boolean): Promise<void>;
  /** Frees everything; may be called after or without a drain. */
  close(): Promise<void>;
  /** Resolves when the role can serve no longer; the process then ends with the error's exit code. */
  readonly failed?: Promise<EdisError>;
}

export interface ProcessDefinition<C extends ProcessConfig> {
  /** Name of the binary. */
  readonly name: string;
  readonly version?: string;
  readonly settings: Settings<C>;
  start(config: C, logger: Logger): Promise<RunningRole>;
}

/** A close that takes longer than that after the drain is given up: the process ends anyway. */
const closeGraceMs = 5000;

export async function runProcess<C extends ProcessConfig>(
  definition: ProcessDefinition<C>,
  host: ProcessHost = nodeHost(),
): Promise<void> {
  const { name, settings } = definition;
  if (host.args.includes('--help') || host.args.includes('-h')) {
    host.writeOut(formatHelp(name, settings));
    host.exit(exitCodes.done);
    return;
  }
  if (host.args.includes('--version')) {
    host.writeOut(`${name} ${definition.version ?? '0.1.0'}\n`);
    host.exit(exitCodes.done);
    return;
  }
  let config: C;
  try {
    config = parseSettings(settings, host.args, host.environment);
  } catch (caught) {
    const error = EdisError.from(caught);
    host.writeError(`${name}: ${oneLine(error.message)}\n`);
    host.exit(exitCodeOf(error.code));
    return;
  }
  const options = { name, level: config.logLevel };
  const logger = host.createLogger?.(name, config.logLevel) ?? (await createOwnLogger(options, host.isTerminal));
  await new ProcessLife(definition, config, logger, host).run();
}

async function createOwnLogger(options: LoggerOptions, isTerminal: boolean): Promise<Logger> {
  return isTerminal ? (await import('./pretty-logger.ts')).createPrettyLogger(options) : createLogger(options);
}

type LifeState = 'starting' | 'serving' | 'ending' | 'ended';

class ProcessLife<C extends ProcessConfig> {
  readonly #definition: ProcessDefinition<C>;
  readonly #config: C;
  readonly #logger: Logger;
  readonly #host: ProcessHost;
  #state: LifeState = 'starting';
  #role: RunningRole | undefined;
  /** A signal that came while the role was starting. */
  #stopCause: string | undefined;
  #endsWithCluster = false;

  constructor(definition: ProcessDefinition<C>, config: C, logger: Logger, host: ProcessHost) {
    this.#definition = definition;
    this.#config = config;
    this.#logger = logger;
    this.#host = host;
  }

  async run(): Promise<void> {
    const host = this.#host;
    host.onUncaught((caught) => this.#crash(caught));
    host.onSignal((signal) => this.#onSignal(signal));
    if (this.#config.exitWithStdin) host.onStdinClosed(() => this.#onStdinClosed());
    try {
      this.#role = await this.#definition.start(this.#config, this.#logger);
    } catch (caught) {
      this.#crash(caught);
      return;
    }
    if (this.#state !== 'starting') return;
    this.#state = 'serving';
    // `failed` never rejects; a role that breaks that contract ends as an uncaught error.
    void this.#role.failed?.then((error) => this.#fail(error));
    if (this.#stopCause !== undefined) this.#stop(this.#stopCause);
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (signal === 'SIGINT' && this.#config.exitWithStdin) return;
    if (this.#state === 'ending' || this.#stopCause !== undefined) {
      this.#logger.warn({ event: 'killed', signal }, 'second signal: ending without waiting');
      // What a shell reports for a process that the signal ended.
      this.#end(128 + constants.signals[signal]);
      return;
    }
    this.#stop(signal);
  }

  #onStdinClosed(): void {
    if (this.#stopCause === undefined && this.#state !== 'ending') this.#endsWithCluster = true;
    this.#stop('stdin closed');
  }

  #stop(cause: string): void {
    if (this.#state === 'starting') this.#stopCause ??= cause;
    if (this.#state !== 'serving') return;
    this.#state = 'ending';
    this.#logger.info({ event: 'draining', cause, drainMs: this.#config.drainMs }, 'draining');
    // `drainAndClose` catches everything.
    void this.#drainAndClose(exitCodes.done);
  }

  async #drainAndClose(exitCode: number): Promise<void> {
    const role = this.#role;
    const host = this.#host;
    const config = this.#config;
    try {
      if (role !== undefined && exitCode === exitCodes.done) {
        const drained = await host.within(role.drain(this.#endsWithCluster), config.drainMs);
        if (!drained) this.#logger.warn({ event: 'drain-timeout', drainMs: config.drainMs }, 'gave up draining');
      }
      if (role !== undefined && !(await host.within(role.close(), closeGraceMs))) {
        throw new EdisError('internal', `closing took longer than ${closeGraceMs} ms`);
      }
      this.#logger.info({ event: 'ended', exitCode }, 'ended');
      this.#end(exitCode);
    } catch (caught) {
      if (exitCode === exitCodes.done) this.#crash(caught);
      else this.#end(exitCode);
    }
  }

  /** The role cannot go on: say so, free what can be freed, end with the code of the error. */
  #fail(error: EdisError): void {
    if (this.#state !== 'serving') return;
    this.#state = 'ending';
    this.#report(error);
    // `drainAndClose` catches everything.
    void this.#drainAndClose(exitCodeOf(error.code));
  }

  #crash(caught: unknown): void {
    const error = EdisError.from(caught);
    this.#report(error);
    this.#end(exitCodeOf(error.code));
  }

  #report(error: EdisError): void {
    const message = oneLine(error.message);
    // A program that reads the log gets the stack of a bug; a person on a terminal sees only the line below.
    if (!this.#host.isTerminal) {
      const bug = exitCodeOf(error.code) === exitCodes.bug;
      const stack = bug ? { stack: error.cause instanceof Error ? error.cause.stack : error.stack } : {};
      this.#logger.fatal({ event: 'failed', code: error.code, ...stack }, message);
    }
    this.#host.writeError(`${this.#definition.name}: ${message}\n`);
  }

  #end(exitCode: number): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#host.exit(exitCode);
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
