import type { Position } from '@edis/core';
import type { ProtobufReader } from './protobuf-reader.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';
import { numberFieldSize } from './protobuf-writer.ts';

export function positionSize(position: Position): number {
  return numberFieldSize(position.epoch) + numberFieldSize(position.position);
}

/** Writes a Position as a nested field. */
export function writePosition(writer: ProtobufWriter, tag: number, position: Position): void {
  writer.lengthPrefix(tag, positionSize(position));
  writer.number(0x08, position.epoch);
  writer.number(0x10, position.position);
}

export function readPosition(reader: ProtobufReader): Position {
  const outer = reader.enter();
  let epoch = 0;
  let position = 0;
  while (reader.position < reader.limit) {
    const tag = reader.tag();
    if (tag === 0x08) epoch = reader.varint();
    else if (tag === 0x10) position = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { epoch, position };
}
