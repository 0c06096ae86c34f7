import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from '@edis/testkit';

/** What becomes of each sync from now on. */
export type SyncTrouble = { readonly kind: 'fails' } | { readonly kind: 'takes'; readonly delayMs: number };

/**
 * Trouble with the syncs of a running process, by `strace`, which carries out what the kernel would have to: nothing in
 * the process knows of it. Ends when the process does, or with `release`.
 */
export class SyncFault {
  readonly #tracer: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(tracer: ChildProcess) {
    this.#tracer = tracer;
    this.#ended = once(tracer, 'close');
  }

  /** Resolves when every thread of the process is concerned. */
  static async attach(pid: number, trouble: SyncTrouble): Promise<SyncFault> {
    const what = trouble.kind === 'fails' ? 'error=EIO' : `delay_enter=${trouble.delayMs * 1000}`;
    const calls = 'fdatasync,fsync';
    const tracer = spawn(
      'strace',
      ['-f', '-p', String(pid), '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:${what}`],
      { stdio: 'ignore' },
    );
    const fault = new SyncFault(tracer);
    await waitFor(
      () => {
        if (tracer.exitCode !== null) throw new Error(`strace ended with ${tracer.exitCode}`);
        return tracersOf(pid).every((traced) => traced === tracer.pid);
      },
      () => `strace holds all threads of ${pid}; their tracers are ${tracersOf(pid).join(', ')}`,
    );
    return fault;
  }

  async release(): Promise<void> {
    this.#tracer.kill('SIGTERM');
    await this.#ended;
  }
}

/** Who traces each thread of a process; 0: nobody. */
function tracersOf(pid: number): number[] {
  const directory = `/proc/${pid}/task`;
  return readdirSync(directory).map((thread) =>
    Number(/^TracerPid:\s*(\d+)/m.exec(readFileSync(`${directory}/${thread}/status`, 'utf8'))?.[1] ?? 0),
  );
}
