import type { ClusterEffect, KeyspaceReply, KeyspaceRequestId } from '@edis/core';
import { EdisError } from '@edis/core';

/** Each waits for at most one save; more at once is a fault or an attack. */
const maxWaiting = 1024;

interface Waiting {
  resolve(reply: KeyspaceReply): void;
  reject(error: EdisError): void;
}

/** Requests about keyspaces that wait until what they changed is durable. */
export class KeyspaceRequests {
  readonly #waiting = new Map<KeyspaceRequestId, Waiting>();
  #nextRequest = 0;

  /** `start` gets the number under which the answer will be settled. */
  ask(start: (request: KeyspaceRequestId) => void): Promise<KeyspaceReply> {
    if (this.#waiting.size >= maxWaiting) {
      const message = `info works on ${maxWaiting} requests about keyspaces, which is the limit; try again`;
      return Promise.reject(new EdisError('busy', message));
    }
    const request = ++this.#nextRequest;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      start(request);
    });
  }

  settle({ request, reply }: Extract<ClusterEffect, { kind: 'reply' }>): void {
    this.#waiting.get(request)?.resolve(reply);
    this.#waiting.delete(request);
  }

  /** Info ends: whether they were done is unknown. */
  rejectAll(error: EdisError): void {
    for (const request of this.#waiting.values()) request.reject(error);
    this.#waiting.clear();
  }
}
