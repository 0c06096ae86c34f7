import type { BatchRequest, BatchResponse, Outcome } from '@edis/core';
import { EdisError } from '@edis/core';
import type { BatchRunner } from './batch-runner.ts';
import type { ResponseHeader } from './client-stream.ts';
import { CollectingSink } from './result-sink.ts';

/** A batch by itself, for the unary call: one answer with all results. */
export function execute(
  request: BatchRequest,
  runner: BatchRunner,
  header: () => ResponseHeader,
): Promise<BatchResponse> {
  const { operations } = request;
  if (new Set(operations.map((operation) => operation.request)).size < operations.length) {
    const message = 'two operations have the same `request` number; give each its own';
    return Promise.reject(new EdisError('protocol', message));
  }
  return new Promise((resolve) => {
    const done = (outcomes: readonly Outcome[]): void => {
      const results = outcomes.map((outcome, index) => ({ request: operations[index]?.request ?? 0, outcome }));
      resolve({ ...header(), results });
    };
    const sink = new CollectingSink(operations, done);
    const origin = { sink, batch: request };
    for (const operation of operations) runner.run(operation, origin);
    sink.flush();
  });
}
