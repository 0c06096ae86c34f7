import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const startDeadlineMs = 15_000;
const stopDeadlineMs = 15_000;

export type RedisSync = 'everysec' | 'always';

/** The version line of the redis-server on PATH, or undefined when there is none. */
export function findRedisServer(): string | undefined {
  const probe = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return probe.status === 0 ? probe.stdout.trim() : undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** A Redis of our own on a free loopback port, in a folder of its own that goes when it stops. */
export class RedisServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  /** With `busPort` it is a node of a cluster, at first one of its own. */
  static async start(parentFolder: string, sync: RedisSync, busPort?: number): Promise<RedisServer> {
    const folder = await mkdtemp(join(parentFolder, `redis-${sync}-`));
    const port = await freePort();
    // Without `save ''` Redis also dumps its memory from a forked child now and then; the append-only file is enough.
    const flags = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--appendonly', 'yes'];
    flags.push('--appendfsync', sync, '--save', '', '--daemonize', 'no');
    if (busPort !== undefined) flags.push('--cluster-enabled', 'yes', '--cluster-port', String(busPort));
    const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    const server = new RedisServer(port, child, folder);
    try {
      await server.#ready();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** By the process's own id, never by name: other Redis servers of the machine are none of our business. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit', { signal: AbortSignal.timeout(stopDeadlineMs) });
      this.#child.kill('SIGTERM');
      try {
        await exited;
      } catch {
        this.#child.kill('SIGKILL');
      }
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const output = this.#child.stdout;
    if (output === null) throw new Error('redis-server has no output');
    const lines = createInterface({ input: output });
    const lastLines: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('redis-server did not start in time')), startDeadlineMs);
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error(`redis-server ended at its start: ${lastLines.join(' | ')}`)));
      lines.on('line', (line) => {
        if (lastLines.push(line) > 5) lastLines.shift();
        if (!line.includes('Ready to accept connections')) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
