import type { Timers } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';

/** Answers one request; the signal fires when nobody waits for the answer any more. */
export type Answer<Request, Response> = (request: Request, signal: AbortSignal) => Response | Promise<Response>;

export interface AskOptions {
  readonly address: string;
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly signal?: AbortSignal;
}

/** The client's side of a call: a stream with one message each way. */
export async function askOnce<Request, Response>(
  start: () => MessageStream<Request, Response>,
  request: Request,
  { address, timeoutMs, timers, signal }: AskOptions,
): Promise<Response> {
  const aborted = (): EdisError => new EdisError('aborted', `the call to ${address} was aborted by its caller`);
  if (signal?.aborted === true) throw aborted();
  const stream = start();
  const late = new EdisError('deadline', `${address} did not answer in time: ${timeoutMs} ms`, {
    outcomeUnknown: true,
  });
  const cancelTimer = timers.after(timeoutMs, () => stream.cancel(late));
  const abort = (): void => stream.cancel(aborted());
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<Response>((resolve, reject) => {
      stream.listen({
        onMessage: resolve,
        onClose: (error) => reject(error ?? new EdisError('internal', 'an answer without a message')),
      });
      stream.send(request);
    });
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', abort);
  }
}

/** The server's side. */
export function answerOnce<Request, Response>(
  stream: MessageStream<Response, Request>,
  answer: Answer<Request, Response>,
  onError: (error: EdisError) => void,
): void {
  const abandoned = new AbortController();
  stream.listen({
    onMessage: (request) => {
      Promise.resolve()
        .then(() => answer(request, abandoned.signal))
        .then(
          (response) => {
            stream.send(response);
            stream.end();
          },
          (caught: unknown) => {
            const error = EdisError.from(caught);
            if (error.code !== 'protocol' && !stream.closed) onError(error);
            stream.cancel(error);
          },
        );
    },
    onClose: () => abandoned.abort(),
  });
}
