import type { Topology } from '@edis/core';
import type { MessageCodec } from './message-codec.ts';

/** Encodes a map once for all results of a response that carry it. */
export class TopologyMemory {
  readonly #codec: MessageCodec<Topology>;
  #topology: Topology | undefined = undefined;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(codec: MessageCodec<Topology>) {
    this.#codec = codec;
  }

  encode(topology: Topology): Buffer {
    if (this.#topology !== topology) {
      this.#bytes = this.#codec.encode(topology);
      this.#topology = topology;
    }
    return this.#bytes;
  }

  decode(bytes: Buffer): Topology {
    if (this.#topology !== undefined && this.#bytes.equals(bytes)) return this.#topology;
    const topology = this.#codec.decode(bytes);
    // A copy: the view would keep the whole response alive for as long as the map is remembered.
    this.#bytes = Buffer.from(bytes);
    this.#topology = topology;
    return topology;
  }
}
