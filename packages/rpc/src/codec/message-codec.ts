import { EdisError } from '@edis/core';

/** Turns one kind of message into bytes and back. `decode` throws EdisError 'protocol' and nothing else. */
export interface MessageCodec<T> {
  encode(message: T): Buffer;
  decode(bytes: Buffer): T;
}

/** The peer sent what it must not. */
export function malformed(what: string, cause?: unknown): EdisError {
  return new EdisError('protocol', `malformed message: ${what}`, { cause });
}

/** For the direction of a method in which nothing is ever sent. */
export const noMessages: MessageCodec<never> = {
  encode(message: never): Buffer {
    return message;
  },
  decode(): never {
    throw malformed('a message where none is expected');
  },
};
