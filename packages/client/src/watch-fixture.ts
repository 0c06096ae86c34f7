/** What the tests of change feeds share: members whose streams are played by hand, and a map of them. */
import {
  type Change,
  defaultKeyspaceSettings,
  EdisError,
  type Keyspace,
  type Member,
  type Position,
  type Shard,
  type Topology,
  type WatchOpen,
  type WatchRequest,
  type WatchResponse,
} from '@edis/core';
import type { StreamListener } from '@edis/rpc';
import { systemEnvironment } from './environment.ts';
import type { WatchOptions } from './query-options.ts';
import { ShardRoute } from './shard-route.ts';
import type { WatchStream } from './transport.ts';
import { WatchFeed } from './watch-feed.ts';

/** One stream of a feed, as its member sees it. */
class PlayedStream implements WatchStream {
  readonly peer: string;
  closed = false;
  open: WatchOpen | undefined;
  grantedBytes = 0;
  #listener: StreamListener<WatchResponse> | undefined;

  constructor(peer: string) {
    this.peer = peer;
  }

  listen(listener: StreamListener<WatchResponse>): void {
    this.#listener = listener;
  }

  send(request: WatchRequest): boolean {
    if (request.kind === 'open') this.open = request;
    else this.grantedBytes += request.bytes;
    return true;
  }

  end(): void {
    this.cancel();
  }

  cancel(): void {
    this.closed = true;
  }

  pause(): void {}

  resume(): void {}

  /** The member says something. */
  say(response: WatchResponse): void {
    if (!this.closed) this.#listener?.onMessage(response);
  }

  started(epoch: number, position: number): void {
    this.say({ kind: 'started', position: { epoch, position }, node: this.peer });
  }

  changes(changes: readonly Change[], position?: Position, bytes = 100): void {
    this.say({ kind: 'changes', changes, position, bytes });
  }

  die(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(new EdisError('unreachable', `${this.peer} is down`));
  }
}

export function change(kind: Change['kind'], key: string, version: number): Change {
  const value = kind === 'put' || kind === 'snapshot' ? `v${version}` : '';
  return { kind, key, value, metadata: undefined, version, expiresAtMs: 0 };
}

function memberOf(shard: string, node: string, role: 'primary' | 'replica'): Member {
  const endpoints = [{ network: '', address: node }];
  return { node, store: `store-${shard}-${node}`, role, alive: true, endpoints, host: '', pid: 0 };
}

export function shardOf(shard: string, replicas: number): Shard {
  const members = [memberOf(shard, `${shard}-w`, 'primary')];
  for (let index = 1; index <= replicas; index += 1) members.push(memberOf(shard, `${shard}-r${index}`, 'replica'));
  return { shard, epoch: 1, primary: members[0]?.store ?? '', configuredSize: 1, members, voters: [] };
}

const keyspace: Keyspace = {
  id: 4,
  name: 'users',
  strategy: 'hash',
  settings: defaultKeyspaceSettings,
  slots: [],
};

/** Members that do what the test says. */
export class PlayedCluster {
  topology: Topology;
  readonly streams: PlayedStream[] = [];
  /** What chance gives the feeds: no wait is longer than 0. */
  random = 0;
  shardRoutes: readonly ShardRoute[];
  readonly #feeds: WatchFeed[] = [];

  constructor(shards: readonly Shard[]) {
    const rest = { formed: true, initialShards: shards.length, infos: [], keyspaces: [keyspace] };
    this.topology = { cluster: 'c1', revision: 1, ...rest, shards };
    this.shardRoutes = shards.map(({ shard }) => new ShardRoute('c1', shard, systemEnvironment));
  }

  addressOf(member: Member): string {
    return member.endpoints[0]?.address ?? '';
  }

  channel(address: string): { watch(): WatchStream; close(): void } {
    return {
      watch: () => {
        const stream = new PlayedStream(address);
        this.streams.push(stream);
        return stream;
      },
      close: () => {},
    };
  }

  watch(options: WatchOptions = {}): WatchFeed {
    const feed = new WatchFeed({
      keyspace: 'users',
      routes: this,
      transport: this,
      // The global clock, which fake timers move.
      environment: { ...systemEnvironment, random: () => this.random, nowMs: () => globalThis.performance.now() },
      options,
      onEnded: () => {},
    });
    this.#feeds.push(feed);
    return feed;
  }

  /** The newest open stream to a member of a shard. */
  stream(shard: string): PlayedStream {
    const found = this.streams.findLast((stream) => !stream.closed && stream.open?.shard === shard);
    if (found === undefined) throw new Error(`no stream of ${shard} is open`);
    return found;
  }

  hasStream(shard: string): boolean {
    return this.streams.some((stream) => !stream.closed && stream.open?.shard === shard);
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) await feed.return();
  }
}
