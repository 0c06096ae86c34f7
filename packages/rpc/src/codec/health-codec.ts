import type { MessageCodec } from './message-codec.ts';
import { ProtobufReader } from './protobuf-reader.ts';

/** grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING */
const serving = 1;

/** grpc.health.v1.HealthCheckResponse: its only field, number 1, is the status. True: it serves. */
export const healthCodec: MessageCodec<boolean> = {
  encode: (isServing) => Buffer.from([0x08, isServing ? serving : 2]),
  decode(bytes) {
    const reader = new ProtobufReader();
    reader.reset(bytes);
    let status = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) status = reader.varint();
      else reader.skip(tag);
    }
    return status === serving;
  },
};
