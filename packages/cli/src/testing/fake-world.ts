import { Readable, Writable } from 'node:stream';
import type { ConnectOptions } from '@edis/client';
import { EdisError } from '@edis/core';
import type { CliWorld } from '../cli.ts';
import { runCli } from '../cli.ts';
import { Output } from '../output.ts';
import { FakeClient } from './fake-client.ts';

/** Keeps all that is written. */
class Sink extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    callback();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

export interface FakeWorldOptions {
  readonly client?: FakeClient;
  readonly stdin?: string | Uint8Array | Readable;
  readonly environment?: Record<string, string>;
  readonly isTerminal?: boolean;
  /** Of the terminal. */
  readonly columns?: number;
  readonly world?: Partial<CliWorld>;
}

export interface FakeWorld {
  readonly world: CliWorld;
  readonly client: FakeClient;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly connections: ConnectOptions[];
  /** As a signal of the terminal would. */
  signal(): void;
}

export function fakeWorld(options: FakeWorldOptions = {}): FakeWorld {
  const client = options.client ?? new FakeClient();
  const stdout = new Sink();
  const stderr = new Sink();
  const connections: ConnectOptions[] = [];
  const listeners = new Set<() => void>();
  const { stdin = '' } = options;
  const world: CliWorld = {
    version: '1.2.3',
    output: new Output(stdout, stderr, { isTerminal: options.isTerminal ?? false, columns: options.columns }),
    stdin: stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]),
    environment: options.environment ?? {},
    connect: async (connectOptions) => {
      connections.push(connectOptions);
      return client;
    },
    probe: async () => true,
    startCluster: () => Promise.reject(new EdisError('internal', 'no cluster in this test')),
    hostIdentity: async () => 'here',
    signalProcess: () => true,
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...options.world,
  };
  const signal = () => {
    for (const listener of listeners) listener();
  };
  return { world, client, stdout, stderr, connections, signal };
}

export interface CliRun extends FakeWorld {
  readonly exitCode: number;
}

/** Runs one command line against a fake cluster. */
export async function runFake(argv: readonly string[], options: FakeWorldOptions = {}): Promise<CliRun> {
  const fake = fakeWorld(options);
  const exitCode = await runCli(argv, fake.world);
  return { ...fake, exitCode };
}
