/**
 * Where each key goes, and the connections to all members: the newest map, made ready for use.
 *
 * Guarantees: an operation is routed by one map, never by parts of two; what the client has seen of a shard, the
 * ids of its writes and its connections outlive every map that still has the shard or the member. A map of another
 * cluster begins anew, because its positions and ids mean nothing to this one.
 */
import {
  type EdisError,
  type Keyspace,
  type Member,
  networkOf,
  pickEndpoint,
  Router,
  type SessionToken,
  type Shard,
  type ShardId,
  sortByShard,
  type Topology,
} from '@edis/core';
import type { Environment } from './environment.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import { noSuchKeyspace } from './no-such-keyspace.ts';
import { type ConnectionOwner, NodeConnection } from './node-connection.ts';
import type { ClientConfig } from './options.ts';
import { ShardRoute } from './shard-route.ts';
import type { Transport } from './transport.ts';

export class RouteTable {
  readonly #config: ClientConfig;
  readonly #owner: ConnectionOwner;
  readonly #transport: Transport;
  readonly #environment: Environment;
  #router: Router;
  #network: string | undefined;
  /** In the order of the map's shards. */
  #routes: readonly ShardRoute[] = [];
  #routesByShard = new Map<ShardId, ShardRoute>();
  /** By store and address: a member that moved gets a new connection. */
  #connections = new Map<string, NodeConnection>();

  constructor(
    topology: Topology,
    config: ClientConfig,
    owner: ConnectionOwner,
    transport: Transport,
    environment: Environment,
  ) {
    this.#config = config;
    this.#owner = owner;
    this.#transport = transport;
    this.#environment = environment;
    this.#router = new Router(inOrder(topology));
  }

  /** Its shards are in the order of their numbers, and so is all that is made of them. */
  get topology(): Topology {
    return this.#router.topology;
  }

  get connections(): Iterable<NodeConnection> {
    return this.#connections.values();
  }

  /** What the client has seen of all shards. */
  get token(): SessionToken {
    const positions = new Map();
    for (const route of this.#routesByShard.values()) {
      if (route.seen !== undefined) positions.set(route.shard, route.seen);
    }
    return { cluster: this.topology.cluster, positions };
  }

  /** The routes of all shards, in the order of the map. */
  get shardRoutes(): readonly ShardRoute[] {
    return this.#routes;
  }

  /** Who owns a slot of a keyspace; undefined: nobody. */
  routeOf(keyspaceId: number, slot: number): ShardRoute | undefined {
    return this.#routes[this.#router.shardIndexOf(keyspaceId, slot)];
  }

  /** The keyspace of that name in the newest map; undefined: there is none. */
  keyspaceOf(scope: KeyspaceScope): Keyspace | undefined {
    return scope.in(this.#router.topology);
  }

  /** The address at which this client reaches a member. */
  addressOf(member: Member): string {
    return pickEndpoint(member.endpoints, this.#network)?.address ?? '';
  }

  /** Routes by a new map from now on; `dialledInfo` is the info address that the client reached. */
  update(topology: Topology, dialledInfo: string): void {
    const dropped = new Set(this.#connections.values());
    const keepsHistory = topology.cluster === this.topology.cluster;
    const knownRoutes = keepsHistory ? this.#routesByShard : new Map<ShardId, ShardRoute>();
    const knownConnections = keepsHistory ? this.#connections : new Map<string, NodeConnection>();
    this.#network = this.#config.network ?? networkOf(topology, dialledInfo);
    this.#router = new Router(inOrder(topology));
    this.#routesByShard = new Map();
    this.#connections = new Map();
    const deposed: NodeConnection[] = [];
    for (const shard of this.topology.shards) {
      const route = knownRoutes.get(shard.shard) ?? new ShardRoute(topology.cluster, shard.shard, this.#environment);
      const formerPrimary = route.primary;
      this.#routesByShard.set(shard.shard, route);
      this.#updateRoute(route, shard, knownConnections);
      if (formerPrimary !== undefined && formerPrimary !== route.primary) deposed.push(formerPrimary);
    }
    this.#routes = [...this.#routesByShard.values()];
    // Only now, because what these connections hand back is routed anew.
    for (const connection of this.#connections.values()) dropped.delete(connection);
    for (const connection of dropped) connection.close();
    for (const connection of deposed) connection.depose();
  }

  noSuchKeyspace({ name }: KeyspaceScope): EdisError {
    return noSuchKeyspace(this.topology, name);
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #updateRoute(route: ShardRoute, shard: Shard, known: ReadonlyMap<string, NodeConnection>): void {
    const replicas: NodeConnection[] = [];
    route.epoch = shard.epoch;
    route.primary = undefined;
    for (const member of shard.members) {
      const address = this.addressOf(member);
      const name = `${member.store} ${address}`;
      const { node, role } = member;
      const connection =
        known.get(name) ??
        new NodeConnection({ node, address, route, role }, this.#owner, this.#transport, this.#environment);
      this.#connections.set(name, connection);
      connection.setAlive(member.alive);
      if (member.store === shard.primary) route.primary = connection;
      else if (member.role === 'replica') replicas.push(connection);
    }
    route.replicas = replicas;
  }
}

export function inOrder(topology: Topology): Topology {
  return { ...topology, shards: sortByShard(topology.shards) };
}
