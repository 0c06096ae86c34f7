import type { MessageCodec } from './message-codec.ts';
import { malformed } from './message-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { lengthFieldSize, ProtobufWriter } from './protobuf-writer.ts';

/** A message whose only field, number 1, is another message. */
export class EnvelopeCodec<T> implements MessageCodec<T> {
  readonly #content: MessageCodec<T>;
  readonly #field: string;

  constructor(content: MessageCodec<T>, field: string) {
    this.#content = content;
    this.#field = field;
  }

  encode(message: T): Buffer {
    const content = this.#content.encode(message);
    const writer = new ProtobufWriter();
    writer.begin(lengthFieldSize(content.length));
    writer.bytes(0x0a, content);
    return writer.finish();
  }

  decode(bytes: Buffer): T {
    const reader = new ProtobufReader();
    reader.reset(bytes);
    let content: Buffer | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) content = reader.bytes();
      else reader.skip(tag);
    }
    if (content === undefined) throw malformed(`${this.#field} is missing`);
    return this.#content.decode(content);
  }
}
