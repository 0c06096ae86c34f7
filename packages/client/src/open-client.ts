import {
  type ClusterDescription,
  decodeSessionToken,
  encodeSessionToken,
  type KeyspaceSettings,
  type Topology,
} from '@edis/core';
import type { ClientParts } from './call-context.ts';
import type { Client, Session } from './client.ts';
import { askInfo, collectStats } from './cluster-queries.ts';
import { createKeyspace, describeKeyspace, dropKeyspace, listKeyspaces } from './keyspace-admin.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import { OpenSession } from './open-session.ts';
import type { CallOptions, PromoteOptions } from './options.ts';
import { promoteShard } from './promote.ts';
import type { ClusterStats, KeyspaceDescription, NodeStatsReply, PromoteResult } from './results.ts';
import { RootCalls } from './root-calls.ts';
import { inOrder } from './route-table.ts';
import { SessionView } from './session-view.ts';
import { shardStatsOf } from './shard-stats.ts';

/** The public interface over the machinery. */
export class OpenClient extends RootCalls implements Client {
  constructor(parts: ClientParts) {
    super(parts, new KeyspaceScope(parts.config.keyspace), undefined);
  }

  get token(): string {
    return encodeSessionToken(this.parts.runner.routes.token);
  }

  session(token?: string): Session {
    const { cluster } = this.topology();
    const seen = token === undefined ? { cluster, positions: new Map() } : decodeSessionToken(token, cluster);
    return new OpenSession(this.parts, this.context.scope, new SessionView(seen));
  }

  async createKeyspace(
    name: string,
    settings: Partial<KeyspaceSettings> = {},
    options?: CallOptions,
  ): Promise<KeyspaceDescription> {
    return createKeyspace(this.context, name, settings, options);
  }

  async dropKeyspace(name: string, options?: CallOptions): Promise<boolean> {
    return dropKeyspace(this.context, name, options);
  }

  async keyspaces(options?: CallOptions): Promise<KeyspaceDescription[]> {
    return listKeyspaces(this.context, options);
  }

  async describeKeyspace(name: string, options?: CallOptions): Promise<KeyspaceDescription> {
    return describeKeyspace(this.context, name, options);
  }

  topology(): Topology {
    return this.parts.runner.routes.topology;
  }

  async describe(options?: CallOptions): Promise<ClusterDescription> {
    const found = await askInfo(this.context, 'describe', options, (channel, limits) =>
      channel.describeCluster(limits),
    );
    return { ...found, topology: inOrder(found.topology) };
  }

  async stats(options?: CallOptions): Promise<NodeStatsReply[]> {
    return collectStats(this.context, options, 'members');
  }

  async clusterStats(options?: CallOptions): Promise<ClusterStats> {
    const nodes = await this.stats(options);
    return { shards: shardStatsOf(nodes), nodes };
  }

  async promote(shard: string, options?: PromoteOptions): Promise<PromoteResult> {
    return promoteShard(this.context, shard, options);
  }

  async close(): Promise<void> {
    this.parts.watch.close();
    this.parts.waits.close();
    this.parts.feeds.close();
    this.parts.queries.channels.close();
    this.parts.calls.close();
    this.parts.runner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
