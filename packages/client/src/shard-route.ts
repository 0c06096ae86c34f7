import {
  type BatchResponse,
  type ClusterId,
  comparePositions,
  type Position,
  ReplicaPicker,
  type SessionToken,
  type ShardId,
} from '@edis/core';
import type { Environment } from './environment.ts';
import type { NodeConnection } from './node-connection.ts';
import type { AnswerPlace, ReadCause } from './results.ts';
import { WriteIdentity } from './write-identity.ts';

const nothingSeen: Position = Object.freeze({ epoch: 0, position: 0 });

/** What the client knows of one shard: who is in it, what it has seen of it, and the ids of its writes to it. */
export class ShardRoute {
  readonly cluster: ClusterId;
  readonly shard: ShardId;
  readonly identity: WriteIdentity;
  /** From the newest map. */
  epoch = 0;
  primary: NodeConnection | undefined = undefined;
  replicas: readonly NodeConnection[] = [];
  readonly #picker: ReplicaPicker;
  #seen: Position = nothingSeen;
  #timestamp = 0;
  #place: AnswerPlace;

  constructor(cluster: ClusterId, shard: ShardId, environment: Environment) {
    this.cluster = cluster;
    this.shard = shard;
    this.identity = new WriteIdentity(environment);
    this.#picker = new ReplicaPicker(Math.floor(environment.random() * 2 ** 20));
    this.#place = { cluster, shard, epoch: 0, position: 0 };
  }

  /** The newest entry that this client has seen; undefined: none. */
  get seen(): Position | undefined {
    return this.#seen === nothingSeen ? undefined : this.#seen;
  }

  /** The newest of the shard's timestamps that is known; 1 when none is, which is older than them all. */
  get timestamp(): number {
    return Math.max(1, this.#timestamp);
  }

  /** Who answers a read that any replica may answer. */
  pickReader(): NodeConnection | undefined {
    return this.#pick(this.#picker);
  }

  /** Why `pickReader` would, or would not, take a node now; takes no turn. That a node is `down` is for info to say. */
  readCauseOf(node: string): Exclude<ReadCause, 'down'> {
    const { primary, replicas } = this;
    const isPrimary = primary?.node === node;
    const connection = isPrimary ? primary : replicas.find((replica) => replica.node === node);
    // The map's learners are not among those it takes readers from.
    if (connection === undefined) return 'learner';
    if (!connection.reachable) return 'unreachable';
    const isTaken = this.#readers().has(connection);
    if (isPrimary) return isTaken ? 'only-primary' : 'replicas-first';
    if (isTaken) return connection.usable ? 'replica' : 'still-answers';
    // A node that is reached and yet is not usable has said that it is a learner, which info has yet to say.
    return 'learner';
  }

  /** All whom `pickReader` takes in turn, found by turns that do not count. */
  #readers(): ReadonlySet<NodeConnection | undefined> {
    const picker = new ReplicaPicker(0);
    const readers = new Set([this.#pick(picker)]);
    for (let turn = 1; turn < this.replicas.length; turn++) readers.add(this.#pick(picker));
    return readers;
  }

  #pick(picker: ReplicaPicker): NodeConnection | undefined {
    const picked = picker.pick(this.replicas, this.primary);
    if (picked?.reachable === true) return picked;
    // With the primary away, a replica that answers is better than info's opinion that it is dead.
    return this.replicas.find((replica) => replica.state === 'ready') ?? picked;
  }

  observe(response: BatchResponse): void {
    if (response.timestamp > this.#timestamp) this.#timestamp = response.timestamp;
  }

  /** Records that an answer stands at this place. Results of one commit group share it. */
  see(epoch: number, position: number): AnswerPlace {
    const place = this.#place;
    if (place.epoch === epoch && place.position === position) return place;
    const next = { cluster: this.cluster, shard: this.shard, epoch, position };
    this.#place = next;
    if (comparePositions(next, this.#seen) > 0) this.#seen = next;
    return next;
  }

  /** What a session read must see: all that this client has seen, and what the token says. */
  after(token: SessionToken | undefined): Position | undefined {
    const given = token?.positions.get(this.shard);
    const seen = this.seen;
    if (given === undefined) return seen;
    return seen === undefined || comparePositions(given, seen) > 0 ? given : seen;
  }
}
