import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

const startDeadlineMs = 15_000;
const stopDeadlineMs = 10_000;
/** Redis Cluster takes a second port, 10000 above its first. */
const highestPort = 55_535;

async function connectTo(port: number): Promise<Socket> {
  const deadline = performance.now() + startDeadlineMs;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** A redis-server in cluster mode that is asked one thing: the slot of a key. */
export class RedisSlots {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #socket: Socket;

  private constructor(child: ChildProcess, folder: string, socket: Socket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
  }

  static async start(): Promise<RedisSlots> {
    const folder = await mkdtemp(join(tmpdir(), 'edis-slots-'));
    const port = await freePort(highestPort);
    const flags = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '', '--daemonize', 'no'];
    const child = spawn('redis-server', [...flags, '--cluster-enabled', 'yes'], { stdio: 'ignore' });
    return new RedisSlots(child, folder, await connectTo(port));
  }

  /** One pipeline of CLUSTER KEYSLOT, in the order of the keys. */
  async slotsOf(keys: readonly Buffer[]): Promise<readonly number[]> {
    const parts = keys.flatMap((key) => [
      Buffer.from(`*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n$${key.length}\r\n`),
      key,
      Buffer.from('\r\n'),
    ]);
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
    };
    this.#socket.on('data', onData);
    this.#socket.write(Buffer.concat(parts));
    while (text.split('\r\n').length <= keys.length) {
      await once(this.#socket, 'data', { signal: AbortSignal.timeout(startDeadlineMs) });
    }
    this.#socket.off('data', onData);
    return text
      .trimEnd()
      .split('\r\n')
      .map((line) => {
        if (!/^:\d+$/.test(line)) throw new Error(`redis-server answered ${line}`);
        return Number(line.slice(1));
      });
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit', { signal: AbortSignal.timeout(stopDeadlineMs) });
      this.#child.kill('SIGTERM');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
