import { EdisError } from '@edis/core';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';

/** Puts a pair of conversions core ⇄ wire around proto-loader's own coding of a message type. */
export class LoadedCodec<T, WireInput, WireOutput> implements MessageCodec<T> {
  readonly #type: MessageTypeDefinition<WireInput, WireOutput>;
  readonly #toWire: (message: T) => WireInput;
  readonly #fromWire: (wire: WireOutput) => T;

  constructor(
    type: MessageTypeDefinition<WireInput, WireOutput>,
    toWire: (message: T) => WireInput,
    fromWire: (wire: WireOutput) => T,
  ) {
    this.#type = type;
    this.#toWire = toWire;
    this.#fromWire = fromWire;
  }

  encode(message: T): Buffer {
    return this.#type.serialize(this.#toWire(message));
  }

  decode(bytes: Buffer): T {
    try {
      return this.#fromWire(this.#type.deserialize(bytes));
    } catch (caught) {
      if (caught instanceof EdisError) throw caught;
      throw malformed(caught instanceof Error ? caught.message : String(caught), caught);
    }
  }
}
