/**
 * One run of `edis up`: start, be ready, watch, drain.
 *
 * Guarantees: whatever goes wrong at the start, no process is left behind; on stdout there is the ready line, with
 * --json one line for each process that ends later, and nothing else. A reader of stdout that goes away does not end
 * the cluster. The first signal drains, the second kills.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@edis/client';
import type { ClusterDescription } from '@edis/core';
import { EdisError } from '@edis/core';
import type { Cluster, ClusterProcess } from '@edis/launcher';
import type { CommandContext, Invocation } from '../command.ts';
import { exitCodes } from '../exit-code.ts';
import { exitJson, exitNotice } from './exit-notice.ts';
import { greet } from './greeting.ts';
import { clusterOptionsOf } from './up-options.ts';
import type { UpView } from './up-view.ts';
import { plainView } from './up-view.ts';

/** A first start is quick; a restart may have gigabytes of log to read. `--timeout` changes it. */
const defaultReadyMs = 120_000;
/** The processes' own default of --drain, and as much again for those that wait for others. */
const stopMs = 20_000;
/** How often the table of a terminal is renewed. */
const refreshMs = 1000;

type ClusterSetup = ReturnType<typeof clusterOptionsOf>;

export class UpRun {
  readonly #context: CommandContext;
  readonly #setup: ClusterSetup;
  readonly #wantsGreeting: boolean;
  readonly #ending = new AbortController();
  #view: UpView;
  #cluster: Cluster | undefined;
  #client: Client | undefined;
  #signals = 0;
  #ready = false;

  constructor({ options }: Invocation, context: CommandContext) {
    this.#context = context;
    this.#setup = clusterOptionsOf(options);
    this.#wantsGreeting = options.flag('greet');
    this.#view = plainView(context.output);
  }

  async run(): Promise<number> {
    const stopListening = this.#context.onSignal(() => this.#onSignal());
    try {
      await this.#makeView();
      await this.#start();
      await this.#watch();
      return exitCodes.done;
    } catch (error) {
      // An interrupted start is no failure: it is what was asked for.
      if (this.#ending.signal.aborted) return exitCodes.done;
      throw error;
    } finally {
      this.#view.end();
      await this.#stop();
      stopListening();
    }
  }

  async #makeView(): Promise<void> {
    const { output, settings, environment } = this.#context;
    if (!output.isTerminal || settings.json) return;
    const { liveView } = await import('./live-view.ts');
    const colors = (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
    this.#view = liveView({ terminal: process.stdout, colors, logDirectory: this.#setup.logDirectory });
  }

  async #start(): Promise<void> {
    const { settings, startCluster } = this.#context;
    const { dataDirectory, shards, replicas } = this.#setup;
    const where = dataDirectory === undefined ? 'in memory only' : `data in ${dataDirectory}`;
    this.#view.note(`edis: starting ${showSize(shards, replicas)}, ${where}`);
    const cluster = await startCluster({
      ...this.#setup,
      signal: this.#ending.signal,
      onLine: (process, line) => this.#view.onLine(process, line),
      onChange: (process) => this.#onChange(process),
    });
    this.#cluster = cluster;
    if (this.#ending.signal.aborted) throw new EdisError('aborted', 'the start was interrupted');
    const abort = new Promise<never>((_, reject) => {
      const fail = () => reject(new EdisError('aborted', 'the start was interrupted'));
      this.#ending.signal.addEventListener('abort', fail, { once: true });
    });
    await Promise.race([cluster.waitReady(settings.timeoutGiven ? settings.timeoutMs : defaultReadyMs), abort]);
    this.#ready = true;
    await this.#announce(cluster);
  }

  async #announce(cluster: Cluster): Promise<void> {
    const { output, settings } = this.#context;
    const { dataDirectory, shards, replicas } = this.#setup;
    const info = showInfo(cluster.info);
    if (settings.json) {
      const processes = cluster.processes.map(({ name, role, shard, pid, address }) => ({
        name,
        role,
        shard: shard ?? null,
        pid: pid ?? null,
        address: address ?? null,
      }));
      await output.json({ ready: true, info, data: dataDirectory ?? null, processes });
    } else {
      const data = dataDirectory === undefined ? 'ephemeral' : `data ${dataDirectory}`;
      await output.line(`edis ready: ${showSize(shards, replicas)}, info ${info}, ${data}`);
    }
    const appeals = cluster.processes.flatMap(({ name, appeal }) =>
      appeal === undefined ? [] : [`${name}: ${appeal}`],
    );
    for (const appeal of appeals) this.#view.note(`edis: ${appeal}`);
    // Some of the greeting's keys would wait.
    const greets = this.#wantsGreeting && appeals.length === 0;
    const needsClient = greets || (output.isTerminal && !settings.json);
    if (!needsClient) return;
    this.#client = await this.#context.connect({ info: cluster.info, signal: this.#ending.signal });
    if (!greets) return;
    // With --json stdout belongs to the program that reads it.
    const lines: string[] = [];
    await greet(this.#client, cluster, info, (line) => lines.push(line));
    if (settings.json) output.note(lines.join('\n'));
    else await output.line(lines.join('\n'));
  }

  /** Until a signal, or until nothing is left to watch. */
  async #watch(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const cluster = this.#cluster;
      if (cluster === undefined) return;
      if (cluster.processes.every((process) => !process.running)) {
        throw new EdisError('unreachable', 'every process of the cluster has ended; start it again with edis up');
      }
      if (this.#client !== undefined) this.#view.refresh(cluster, await this.#describe(this.#client));
      // Rejects when the signal fires, which the loop's condition then sees.
      await delay(refreshMs, undefined, { signal }).catch(() => {});
    }
  }

  async #describe(client: Client): Promise<ClusterDescription | undefined> {
    try {
      return await client.describe({ timeoutMs: refreshMs, signal: this.#ending.signal });
    } catch {
      return undefined;
    }
  }

  #onChange(process: ClusterProcess): void {
    if (process.state !== 'exited' || !this.#ready || this.#ending.signal.aborted) return;
    const { output, settings } = this.#context;
    this.#view.note(exitNotice(process, this.#setup.replicas, this.#setup.dataDirectory !== undefined));
    // Output never rejects: a reader that has gone is not told.
    if (settings.json) void output.json(exitJson(process));
  }

  #onSignal(): void {
    this.#signals += 1;
    if (this.#signals === 1) {
      this.#view.note('edis: draining; once more to end it at once');
      this.#ending.abort();
    } else {
      this.#cluster?.kill();
    }
  }

  async #stop(): Promise<void> {
    this.#ending.abort();
    await this.#client?.close();
    await this.#cluster?.stop(stopMs);
  }
}

function showSize(shards: number, replicas: number): string {
  const shardWord = shards === 1 ? 'shard' : 'shards';
  return `${shards} ${shardWord} × ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}

function showInfo(address: string): string {
  return address.replace(/^127\.0\.0\.1:/, 'localhost:');
}
