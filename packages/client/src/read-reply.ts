/** Tells the caller of a read who answered it, if the caller wants to know. */
import { EdisError, type ShardId } from '@edis/core';
import type { Key, OnReply } from './options.ts';
import { type Answer, type AnswerPlace, type ReadReply, type ServedBy, tokenOf } from './results.ts';

class ToldReply implements ReadReply {
  readonly keys: readonly Key[] | undefined;
  readonly shard: ShardId;
  readonly servedBy: ServedBy;
  readonly stalenessMs: number;
  readonly #place: AnswerPlace;

  constructor({ place, servedBy, stalenessMs }: Answer, keys: readonly Key[] | undefined) {
    this.keys = keys;
    this.shard = place.shard;
    this.servedBy = servedBy;
    this.stalenessMs = stalenessMs;
    this.#place = place;
  }

  get token(): string {
    return tokenOf(this.#place);
  }

  toJSON(): object {
    return Object.assign({ token: this.token }, this);
  }
}

/**
 * Never called while an answer is being taken in: who is told may close the client or begin another call. What it
 * throws ends the read, as an 'invalid-argument'.
 */
export function tell(onReply: OnReply, answer: Answer, keys: readonly Key[] | undefined): void {
  try {
    onReply(new ToldReply(answer, keys));
  } catch (cause) {
    const { message } = EdisError.from(cause);
    throw new EdisError('invalid-argument', `onReply threw: ${message}`, { cause });
  }
}

/** The answers that a bulk of reads is made of. Keys that a node answered together are told together. */
export class BulkReplies {
  readonly #replies: { readonly answer: Answer; readonly keys: Key[] }[] = [];

  add(key: Key, answer: Answer): void {
    const known = this.#replies.findLast((reply) => isSame(reply.answer, answer));
    if (known === undefined) this.#replies.push({ answer, keys: [key] });
    else known.keys.push(key);
  }

  tell(onReply: OnReply): void {
    for (const { answer, keys } of this.#replies) tell(onReply, answer, keys);
  }
}

function isSame(left: Answer, right: Answer): boolean {
  if (left.servedBy !== right.servedBy || left.stalenessMs !== right.stalenessMs) return false;
  return left.place.epoch === right.place.epoch && left.place.position === right.place.position;
}
