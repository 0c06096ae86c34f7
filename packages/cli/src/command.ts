import type { Readable } from 'node:stream';
import type { Client, ConnectOptions } from '@edis/client';
import type { Cluster, ClusterOptions } from '@edis/launcher';
import type { OptionTable, OptionValues } from './option.ts';
import type { Output } from './output.ts';
import type { Settings } from './settings.ts';

/** The part of a cluster that `edis up` needs; tests give one without processes. */
export type ClusterStarter = (options: ClusterOptions) => Promise<Cluster>;

/** What a command may use of the world. Tests give one that keeps everything in memory. */
export interface CommandContext {
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
  /** Called at each SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: () => void): () => void;
}

/** A command line that was understood. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
}

export interface CommandDefinition {
  readonly name: string;
  /** After the command's name, for example `KEY VALUE`. */
  readonly positionals: string;
  readonly minPositionals: number;
  readonly maxPositionals: number;
  readonly options: OptionTable;
  /** Command lines without `edis`, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Returns the exit code. */
  run(invocation: Invocation, context: CommandContext): Promise<number>;
}
