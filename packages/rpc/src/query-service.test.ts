import type {
  AggregateRequest,
  AggregateResponse,
  QueryHead,
  RecordPage,
  ScanRequest,
  SearchRequest,
  WatchRequest,
  WatchResponse,
} from '@edis/core';
import { EdisError } from '@edis/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { QueryHandlers, RpcServerOptions } from './index.ts';
import { RpcChannel, RpcServer } from './index.ts';

const timeoutMs = 10_000;

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function serve(options: Omit<RpcServerOptions, 'listen'>): Promise<RpcChannel> {
  const server = new RpcServer({ listen: '127.0.0.1:0', ...options });
  closers.push(() => server.close());
  const { address } = await server.start();
  const channel = new RpcChannel(address);
  closers.push(() => channel.close());
  return channel;
}

const head: QueryHead = {
  shard: 's1',
  epoch: 2,
  revision: 3,
  keyspace: 1,
  consistency: 'session',
  after: { epoch: 2, position: 9 },
  maxStalenessMs: 0,
};
const scanRequest: ScanRequest = { head, from: 'a', to: 'b\u00ff', maxRecords: 10, keysOnly: false };
const searchRequest: SearchRequest = {
  head,
  where: [{ kind: 'range', field: 'age', from: { value: '18', inclusive: true }, to: undefined }],
  after: { value: '20', key: 'k' },
  maxRecords: 10,
  keysOnly: true,
};
const aggregateRequest: AggregateRequest = {
  head,
  where: [],
  groupBy: 'tier',
  measures: [{ kind: 'sum', field: 'age' }],
};
const footer = { node: 'n1', position: { epoch: 2, position: 12 }, stalenessMs: 0 };
const page: RecordPage = {
  kind: 'records',
  records: [{ key: 'k', value: Buffer.from('v'), metadata: { age: '20' }, version: 7, expiresAtMs: 0 }],
  more: true,
  places: [],
  footer,
};
const groups: AggregateResponse = {
  kind: 'groups',
  groups: [{ group: 'gold', count: 2, parts: [{ count: 2, sum: '41', min: '20', max: '21' }] }],
  footer,
};

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

/** Handlers that never answer and say when nobody waits any more. */
function abandonedHandlers(): { handlers: QueryHandlers; asked: Promise<undefined>; abandoned: Promise<undefined> } {
  const asked = deferred<undefined>();
  const abandoned = deferred<undefined>();
  const wait = (_request: unknown, signal: AbortSignal): Promise<never> => {
    asked.resolve(undefined);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        abandoned.resolve(undefined);
        reject(new EdisError('aborted', 'nobody waits'));
      });
    });
  };
  return {
    handlers: { scan: wait, search: wait, aggregate: wait },
    asked: asked.promise,
    abandoned: abandoned.promise,
  };
}

describe('QueryService', () => {
  it('carries its messages', async () => {
    const seen: unknown[] = [];
    const channel = await serve({
      query: {
        scan: (request) => {
          seen.push(request);
          return Promise.resolve(page);
        },
        search: (request) => {
          seen.push(request);
          return Promise.resolve({ ...page, places: ['20'] });
        },
        aggregate: (request) => {
          seen.push(request);
          return Promise.resolve(seen.length === 3 ? groups : { kind: 'busy', cause: 'queries', retryAfterMs: 5 });
        },
      },
    });
    expect(await channel.scan(scanRequest, { timeoutMs })).toEqual(page);
    expect(await channel.search(searchRequest, { timeoutMs })).toEqual({ ...page, places: ['20'] });
    expect(await channel.aggregate(aggregateRequest, { timeoutMs })).toEqual(groups);
    expect(seen).toEqual([scanRequest, searchRequest, aggregateRequest]);
    expect(await channel.aggregate(aggregateRequest, { timeoutMs })).toEqual({
      kind: 'busy',
      cause: 'queries',
      retryAfterMs: 5,
    });
  });

  it('tells its handler when the caller gives up, and that is no error of the server', async () => {
    const { handlers, asked, abandoned } = abandonedHandlers();
    const errors: EdisError[] = [];
    const channel = await serve({ query: handlers, onError: (error) => errors.push(error) });
    const gaveUp = new AbortController();
    const answer = channel.scan(scanRequest, { timeoutMs, signal: gaveUp.signal });
    await asked;
    gaveUp.abort();
    await expect(answer).rejects.toMatchObject({ code: 'aborted' });
    await abandoned;
    expect(errors).toEqual([]);
  });

  it('tells its handler when the deadline of the caller has passed', async () => {
    const { handlers, abandoned } = abandonedHandlers();
    const channel = await serve({ query: handlers });
    await expect(channel.search(searchRequest, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'deadline' });
    await abandoned;
  });

  it('is unknown to a server without handlers for it', async () => {
    const channel = await serve({});
    await expect(channel.scan(scanRequest, { timeoutMs })).rejects.toMatchObject({ code: 'protocol' });
  });
});

describe('FeedService', () => {
  it('carries its messages', async () => {
    const received: WatchRequest[] = [];
    const answers: WatchResponse[] = [
      { kind: 'snapshot-begin', cause: 'start', node: 'n1' },
      {
        kind: 'changes',
        changes: [
          { kind: 'put', key: 'k', value: Buffer.from('v'), metadata: { a: 'b' }, version: 3, expiresAtMs: 5 },
          { kind: 'expire', key: 'k', value: '', metadata: undefined, version: 4, expiresAtMs: 0 },
        ],
        position: { epoch: 1, position: 2 },
        bytes: 40,
      },
      { kind: 'snapshot-end', position: { epoch: 1, position: 2 } },
    ];
    const channel = await serve({
      feed: {
        watch: (stream) => {
          stream.listen({
            onMessage: (message) => {
              received.push(message);
              if (message.kind === 'open') for (const answer of answers) stream.send(answer);
              else stream.end();
            },
            onClose: () => undefined,
          });
        },
      },
    });
    const got: WatchResponse[] = [];
    const ended = deferred<EdisError | undefined>();
    const stream = channel.watch();
    stream.listen({ onMessage: (message) => got.push(message), onClose: ended.resolve });
    const open: WatchRequest = {
      kind: 'open',
      shard: 's1',
      cluster: 'c',
      keyspace: 1,
      prefix: 'user:',
      from: { kind: 'after', position: { epoch: 1, position: 1 } },
      creditBytes: 65_536,
    };
    stream.send(open);
    await vi.waitFor(() => expect(got).toEqual(answers));
    stream.send({ kind: 'grant', bytes: 40 });
    expect(await ended.promise).toBeUndefined();
    expect(received).toEqual([open, { kind: 'grant', bytes: 40 }]);
  });
});
