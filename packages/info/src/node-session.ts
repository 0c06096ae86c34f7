import type { Configuration, EdisError, InfoMessage, NodeMessage, Topology, TopologyDelta } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { TopologyFeed } from './topology-feed.ts';

/** Info's end of one node's session: sends what the machine decides, without queueing for a node that does not read. */
export class NodeSession {
  readonly #stream: MessageStream<InfoMessage, NodeMessage>;
  readonly #feed: TopologyFeed;
  #following = false;
  #blocked = false;
  /** The newest configuration that a blocked node has not been sent; older ones mean nothing any more. */
  #waiting: Configuration | undefined;

  constructor(stream: MessageStream<InfoMessage, NodeMessage>, current: () => Topology) {
    this.#stream = stream;
    this.#feed = new TopologyFeed((update) => this.#write({ kind: 'topology', update }), current);
  }

  send(message: InfoMessage): void {
    if (message.kind === 'topology' && message.update.kind === 'whole') {
      this.#following = true;
      this.#feed.sendWhole(message.update.topology);
    } else if (message.kind === 'configuration' && this.#blocked) {
      this.#waiting = message.configuration;
    } else {
      this.#write(message);
    }
  }

  /** A step of the map, for those who were sent it before. */
  push(delta: TopologyDelta): void {
    if (this.#following) this.#feed.push(delta);
  }

  drained(): void {
    this.#blocked = false;
    this.#feed.drained();
    const configuration = this.#waiting;
    this.#waiting = undefined;
    if (configuration !== undefined) this.send({ kind: 'configuration', configuration });
  }

  end(error: EdisError | undefined): void {
    if (error === undefined) this.#stream.end();
    else this.#stream.cancel(error);
  }

  #write(message: InfoMessage): boolean {
    const ready = this.#stream.send(message);
    if (!ready) this.#blocked = true;
    return ready;
  }
}
