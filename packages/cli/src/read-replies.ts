import type { GetOptions, Key, ReadReply } from '@edis/client';
import { invariant } from '@edis/core';
import { toJsonBytes } from './json-bytes.ts';
import { answererJson } from './record-view.ts';

/** Who answered a read, and how stale that may be. Wanted for JSON alone: nothing else says it. */
export class ReadReplies {
  /** For the options of the read. */
  readonly option: Pick<GetOptions, 'onReply'>;
  readonly #replies: ReadReply[] = [];

  constructor(isWanted: boolean) {
    this.option = isWanted ? { onReply: (reply) => void this.#replies.push(reply) } : {};
  }

  /** Of a read that one node answered. */
  oneJson() {
    const [reply] = this.#replies;
    return reply === undefined ? {} : replyJson(reply);
  }

  /** Of a read of many shards: each node once, and how stale the answer may be that is furthest behind. */
  allJson() {
    const nodes = new Map(this.#replies.map(({ servedBy: { node, shard } }) => [node, { node, shard }]));
    const stalenessMs = Math.max(0, ...this.#replies.map((reply) => reply.stalenessMs));
    return { servedBy: [...nodes.values()], stalenessMs };
  }
}

/** The same of a read of many keys, for each of them. */
export class RepliesByKey {
  /** For the options of the read. */
  readonly option: Pick<GetOptions, 'onReply'>;
  readonly #replies = new Map<string, ReadReply>();

  constructor(isWanted: boolean) {
    this.option = isWanted ? { onReply: (reply) => this.#add(reply) } : {};
  }

  /** Who answered for the key. */
  of(key: Key): ReadReply {
    const reply = this.#replies.get(nameOf(key));
    invariant(reply !== undefined, 'each key of a result is told of');
    return reply;
  }

  /** The same of a key that does not come again. */
  take(key: Key): ReadReply {
    const reply = this.of(key);
    this.#replies.delete(nameOf(key));
    return reply;
  }

  #add(reply: ReadReply): void {
    for (const key of reply.keys ?? []) this.#replies.set(nameOf(key), reply);
  }
}

/** An answer without a record. */
export function replyJson(reply: ReadReply) {
  return { shard: reply.shard, token: reply.token, ...answererJson(reply) };
}

/** Tells bytes from the text that looks like them. */
function nameOf(key: Key): string {
  return JSON.stringify(toJsonBytes(key));
}
