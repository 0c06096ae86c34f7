import type { Readable } from 'node:stream';
import type { Client, ConnectOptions } from '@edis/client';
import type { Cluster, ClusterOptions } from '@edis/launcher';
import type { Completion, OptionTable, OptionValues } from './option.ts';
import type { Output } from './output.ts';
import type { Settings } from './settings.ts';

/** The part of a cluster that `edis up` needs; tests give one without processes. */
export type ClusterStarter = (options: ClusterOptions) => Promise<Cluster>;

/** What a command may use of the world. Tests give one that keeps everything in memory. */
export interface CommandContext {
  /** Of Edis. */
  readonly version: string;
  readonly settings: Settings;
  readonly output: Output;
  readonly stdin: Readable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  connect(options: ConnectOptions): Promise<Client>;
  /** Whether a server says of itself that it serves. */
  probe(address: string, timeoutMs: number): Promise<boolean>;
  startCluster: ClusterStarter;
  /** Whose process ids make sense here. */
  hostIdentity(): Promise<string>;
  /** False: there is no such process, or it is somebody else's. */
  signalProcess(pid: number, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): boolean;
  /** Called at each SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: () => void): () => void;
}

/** A command line that was understood. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
}

/** One argument after the command's name. */
export interface ArgumentDefinition {
  /** As in help, for example `KEY`. */
  readonly name: string;
  /** It may be left out; only the last ones can be. */
  readonly optional?: boolean;
  /** Any number of it; only the last one can be. */
  readonly repeated?: boolean;
  /** What a shell completes it with; undefined: nothing. */
  readonly completes?: Completion;
  /** A key that gets a record if it has none: only what people can read and type is let through. */
  readonly makesRecord?: boolean;
}

export interface CommandDefinition {
  /** One word, or two: a group and the command in it. */
  readonly name: string;
  readonly arguments: readonly ArgumentDefinition[];
  /** More arguments than are declared reach the command, which judges them itself. */
  readonly takesSurplus?: boolean;
  readonly options: OptionTable;
  /** Command lines without `edis`, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Returns the exit code. */
  run(invocation: Invocation, context: CommandContext): Promise<number>;
}

/** The arguments as a usage line shows them: `KEY`, `[BY]`, `KEY …`. */
export function showArguments({ arguments: list }: Pick<CommandDefinition, 'arguments'>): string {
  return list
    .map(({ name, optional = false, repeated = false }) => {
      const text = repeated ? `${name} …` : name;
      return optional ? `[${text}]` : text;
    })
    .join(' ');
}
