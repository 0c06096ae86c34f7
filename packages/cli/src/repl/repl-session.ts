/**
 * Runs the command lines of a session one after the other, on one connection.
 *
 * A command runs as it does on its own, through the same `runCli`; what differs is the world that it is given: a shared
 * connection, the session's keyspace, signals that are Ctrl-C, and an output that can be shut.
 */
import { EdisError } from '@edis/core';
import type { CliWorld } from '../cli.ts';
import { runCli } from '../cli.ts';
import type { CommandContext } from '../command.ts';
import { commandIndex } from '../command-index.ts';
import { reportError } from '../error-report.ts';
import { exitCodes } from '../exit-code.ts';
import { findKeyspace } from '../keyspace-view.ts';
import type { Settings } from '../settings.ts';
import { synonyms } from '../synonym.ts';
import { CommandGate, noStdin } from './command-gate.ts';
import { SharedConnection } from './shared-connection.ts';

/** What only a session has. */
export const sessionWords: ReadonlyMap<string, string> = new Map([
  ['use', 'use KEYSPACE: the keyspace of what follows'],
  ['help', 'help [COMMAND]: what there is'],
  ['exit', 'exit, or Ctrl-D: the end'],
]);

/** They own the terminal themselves, or would end with the session. */
const refused = new Set(['repl', 'up']);

export interface LineResult {
  readonly exitCode: number;
  /** The session is to end. */
  readonly ended: boolean;
}

export class ReplSession {
  readonly connection: SharedConnection;
  readonly #context: CommandContext;
  #keyspace: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
    this.#keyspace = context.settings.keyspace;
    this.connection = new SharedConnection((options) => context.connect(options));
  }

  get settings(): Settings {
    return { ...this.#context.settings, keyspace: this.#keyspace };
  }

  /** Runs one line. Never rejects. */
  async run(words: readonly string[]): Promise<LineResult> {
    const [first, ...rest] = words[0] === 'edis' ? words.slice(1) : words;
    if (first === undefined) return { exitCode: exitCodes.done, ended: false };
    if (first === 'exit' || first === 'quit') return { exitCode: exitCodes.done, ended: true };
    return { exitCode: await this.#runCommand(first, rest), ended: false };
  }

  /** Ctrl-C: the running command ends. False: none is running. */
  cancel(): boolean {
    this.#cancel?.();
    return this.#cancel !== undefined;
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  async #runCommand(first: string, rest: readonly string[]): Promise<number> {
    const gate = new CommandGate(this.#context.output);
    const listeners = new Set<() => void>();
    const cancelled = new Promise<number>((resolve) => {
      this.#cancel = () => {
        // A command that knows how to end is asked to; one that does not, or is asked again, is left behind.
        const asked = [...listeners];
        listeners.clear();
        for (const listener of asked) listener();
        if (asked.length > 0) return;
        gate.close();
        this.#context.output.note('edis: cancelled; what was sent may still be carried out');
        resolve(exitCodes.unreachable);
      };
    });
    const onSignal = (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    };
    const world: CliWorld = {
      ...this.#context,
      output: gate.output,
      stdin: noStdin(),
      environment: this.#environment(),
      connect: (options) => this.connection.connect(options),
      onSignal,
    };
    try {
      const exitCode = await Promise.race([this.#dispatch(first, rest, world), cancelled]);
      await gate.output.flush();
      return exitCode;
    } finally {
      this.#cancel = undefined;
    }
  }

  async #dispatch(first: string, rest: readonly string[], world: CliWorld): Promise<number> {
    const { json } = this.#context.settings;
    try {
      if (first === 'use') return await this.#use(rest, world);
      if (first === 'help' && rest.length === 0) return await this.#help(world);
      await this.#checkCommand(first);
      return await runCli(json ? ['--json', first, ...rest] : [first, ...rest], world);
    } catch (caught) {
      return reportError(caught, world.output, { json, debug: false });
    }
  }

  async #use([name, ...surplus]: readonly string[], world: CliWorld): Promise<number> {
    if (surplus.length > 0) throw new EdisError('usage', 'use takes one KEYSPACE');
    if (name !== undefined) {
      const { info, network, timeoutMs } = this.settings;
      const client = await world.connect({ info, network, timeoutMs });
      this.#keyspace = (await findKeyspace(await client.keyspaces(), name)).name;
    }
    world.output.note(`edis: keyspace ${this.#keyspace ?? 'default'}`);
    return exitCodes.done;
  }

  async #help({ output }: CliWorld): Promise<number> {
    for (const [name, { summary }] of commandIndex) {
      if (!refused.has(name)) await output.line(`  ${name.padEnd(18)} ${summary}`);
    }
    for (const [word, meaning] of sessionWords) await output.line(`  ${word.padEnd(18)} ${meaning}`);
    await output.line('A value in quotes may go over several lines. More on a command: help COMMAND');
    return exitCodes.done;
  }

  async #checkCommand(first: string): Promise<void> {
    if (refused.has(first)) throw new EdisError('usage', `${first} is a command of the shell: edis ${first}`);
    const known = [...commandIndex.keys()].some((name) => name === first || name.startsWith(`${first} `));
    if (known || synonyms.has(first) || first === 'help' || first.startsWith('-')) return;
    const { nearest } = await import('@edis/process');
    const words = [...sessionWords.keys(), ...[...commandIndex.keys()].map((name) => name.replace(/ .*$/, ''))];
    const near = nearest(first, words);
    const hint = near === undefined ? 'help lists all' : `did you mean ${near}?`;
    throw new EdisError('usage', `unknown command '${first}'; ${hint}`);
  }

  /** The options of the session are the variables of its commands: their own options beat them. */
  #environment(): Readonly<Record<string, string | undefined>> {
    const { info, infoGiven, network, timeoutGiven, timeoutMs } = this.#context.settings;
    return {
      ...this.#context.environment,
      ...(infoGiven ? { EDIS_INFO: info.join(',') } : {}),
      ...(network === undefined ? {} : { EDIS_NETWORK: network }),
      ...(timeoutGiven ? { EDIS_TIMEOUT: `${timeoutMs}ms` } : {}),
      EDIS_KEYSPACE: this.#keyspace,
    };
  }
}
