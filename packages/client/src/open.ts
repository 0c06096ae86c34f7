/** Makes a client over any transport: waits for the first map, then wires the parts. */
import { EdisError, type Topology } from '@edis/core';
import type { CancelTimer, Environment } from './environment.ts';
import { OpenClient } from './open-client.ts';
import { OperationRunner } from './operation-runner.ts';
import type { ClientConfig } from './options.ts';
import { QueryChannels } from './query-channels.ts';
import type { QueryContext } from './query-runner.ts';
import { SingleCalls } from './single-calls.ts';
import { TopologyWaits } from './topology-waits.ts';
import { TopologyWatch } from './topology-watch.ts';
import type { Transport } from './transport.ts';
import { WatchFeeds } from './watch-feeds.ts';

export async function openClient(
  config: ClientConfig,
  signal: AbortSignal | undefined,
  transport: Transport,
  environment: Environment,
): Promise<OpenClient> {
  let onTopology: (topology: Topology) => void = () => {};
  let onNoInfo: (error: EdisError) => void = () => {};
  const watch = new TopologyWatch(
    config.infoAddresses,
    transport,
    environment,
    (topology) => onTopology(topology),
    (error) => onNoInfo(error),
  );
  const waiting = new FirstMap(config, watch, signal, environment);
  try {
    onTopology = (topology) => waiting.resolve(topology);
    onNoInfo = (cause) => waiting.reject(noInfo(config, cause));
    watch.start();
    const topology = await waiting.promise;
    checkNetwork(topology, config.network);
    const runner = new OperationRunner(watch.topology ?? topology, config, watch, transport, environment);
    const waits = new TopologyWaits(runner.routes.topology, environment);
    onTopology = (next) => {
      runner.onTopology(next);
      waits.onTopology(next);
    };
    const { routes, changes } = runner;
    const channels = new QueryChannels(transport, environment);
    const queries: QueryContext = { routes, environment, channels, changes, offer: (newer) => void watch.offer(newer) };
    const feeds = new WatchFeeds({ routes, transport, environment });
    const calls = new SingleCalls(transport);
    return new OpenClient({ config, watch, waits, runner, queries, feeds, calls, environment });
  } catch (error) {
    watch.close();
    throw error;
  } finally {
    waiting.close();
  }
}

/** The wait for the first map, up to the deadline or the caller's signal. */
class FirstMap {
  readonly promise: Promise<Topology>;
  #settle: { resolve(topology: Topology): void; reject(error: EdisError): void } | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #cancelTimer: CancelTimer;
  readonly #abort = (): void => {
    const cause: unknown = this.#signal?.reason;
    this.#settle?.reject(new EdisError('aborted', 'connecting was aborted by its caller', { cause }));
  };

  constructor(config: ClientConfig, watch: TopologyWatch, signal: AbortSignal | undefined, environment: Environment) {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#signal = signal;
    // A repeating timer, because only those keep the process alive.
    this.#cancelTimer = environment.every(config.timeoutMs, () => {
      this.#settle?.reject(unreachableInfo(config, watch.lastError));
    });
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener('abort', this.#abort, { once: true });
  }

  resolve(topology: Topology): void {
    this.#settle?.resolve(topology);
  }

  reject(error: EdisError): void {
    this.#settle?.reject(error);
  }

  close(): void {
    this.#cancelTimer();
    this.#signal?.removeEventListener('abort', this.#abort);
  }
}

function noInfo({ infoAddresses }: ClientConfig, cause: EdisError): EdisError {
  const where = infoAddresses.join(', ');
  const message = `no info at ${where} (${cause.message}); info is usually on port 7400, and nodes of shards above`;
  return new EdisError('invalid-argument', message, { cause });
}

function unreachableInfo(config: ClientConfig, cause: EdisError | undefined): EdisError {
  const where = config.infoAddresses.join(', ');
  const why = cause === undefined ? '' : ` (${cause.message})`;
  const asked = `info at ${where} did not answer within ${config.timeoutMs} ms`;
  const message = `${asked}${why}; check the address and that it runs`;
  return new EdisError('unreachable', message, { cause });
}

/** What people read, and may write, for the network of endpoints that were given without one. */
const unnamedNetwork = 'default';

function checkNetwork(topology: Topology, network: string | undefined): void {
  if (network === undefined) return;
  const members = topology.shards.flatMap((shard) => shard.members);
  const endpoints = [...topology.infos, ...members].flatMap((node) => node.endpoints);
  const names = new Set(endpoints.map((each) => each.network || unnamedNetwork));
  if (names.size === 0 || names.has(network)) return;
  const known = [...names].toSorted().join(', ');
  throw new EdisError('invalid-argument', `no node names the network '${network}'; there are: ${known}`);
}
