import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Client, connect } from '@edis/client';
import { ClusterProcess, locateBinaries, type ProcessRole } from '@edis/launcher';
import type { Group } from './judged-cluster.ts';
import { Namespaces } from './namespaces.ts';

/** The machine of the test and its clients. */
export const test = 'test';
const info = 'info';
const nodes = ['write-shard-1', 'read-shard-1-1', 'read-shard-1-2'];
/** Every machine has all ports for itself. */
const port = 7400;
const readyMs = 60_000;
const wrapper = join(
  dirname(createRequire(import.meta.url).resolve('@edis/e2e/package.json')),
  'dist/worker/enter-namespace.js',
);

/** Info and one shard of three members, each on a machine of its own. */
export class NamespaceGroup implements Group {
  readonly machines: Namespaces;
  readonly directory: string;
  readonly #processes: ClusterProcess[] = [];
  readonly #clients: Client[] = [];

  private constructor(machines: Namespaces, directory: string) {
    this.machines = machines;
    this.directory = directory;
  }

  static async start(): Promise<NamespaceGroup> {
    // First what may fail, and then leaves nothing behind.
    const machines = new Namespaces([test, info, ...nodes]);
    const group = new NamespaceGroup(machines, await mkdtemp(join(tmpdir(), 'edis-namespaces-')));
    try {
      await group.#startProcess(info, 'info', ['--initial-shards', '1'], 'listening');
      for (const node of nodes) {
        const role = node.startsWith('write') ? 'write-shard' : 'read-shard';
        await group.#startProcess(node, role, ['--info', `${group.machines.address(info)}:${port}`, '--shard', 's1']);
      }
    } catch (caught) {
      await group.close();
      throw caught;
    }
    return group;
  }

  get processes(): readonly ClusterProcess[] {
    return this.#processes;
  }

  async client({ timeoutMs }: { readonly timeoutMs: number }): Promise<Client> {
    const client = await connect({ info: `${this.machines.address(info)}:${port}`, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    this.machines.heal();
    await Promise.all(this.#clients.map((client) => client.close()));
    for (const process of this.#processes) process.kill('SIGTERM');
    await Promise.all(this.#processes.map((process) => process.exited));
  }

  async close(): Promise<void> {
    await this.stop();
    this.machines.release();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #startProcess(
    name: string,
    role: ProcessRole,
    flags: readonly string[],
    state: 'listening' | 'ready' = 'ready',
  ): Promise<void> {
    const started = new ClusterProcess({
      ...{ name, role, port, host: this.machines.address(name), env: process.env },
      binary: wrapper,
      flags: [
        ...[this.machines.namespace(name), locateBinaries()[role]],
        ...['--node', name, '--data', join(this.directory, name), ...flags],
      ],
    });
    this.#processes.push(started);
    await started.start();
    await started.waitFor(state, readyMs);
  }
}
