import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { BatchRequest, EdisError } from '@edis/core';
import { limits } from '@edis/core';
import type { StatusObject } from '@grpc/grpc-js';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { MessageStream, RpcServerOptions } from './index.ts';
import { RpcChannel, RpcServer } from './index.ts';

const timeoutMs = 10_000;

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function unused(): never {
  throw new Error('this handler is not called');
}

const shardOnly: Omit<RpcServerOptions, 'listen'> = {
  shard: {
    batch: (stream) => stream.listen({ onMessage: unused, onClose: () => undefined }),
    execute: unused,
    stats: unused,
  },
};

function putOf(value: Buffer): BatchRequest {
  const write = {
    sequence: 0,
    firstSentTimestamp: 0,
    ack: 'disk',
    condition: undefined,
    metadata: undefined,
    ttlMs: 0,
    expiresAtMs: 0,
  } as const;
  const put = { kind: 'put', request: 1, keyspace: 1, key: 'k', value, ...write } as const;
  return { revision: 1, epoch: 1, client: '', completedBelow: 0, shard: 's1', operations: [put] };
}

async function serve(options: Omit<RpcServerOptions, 'listen'>): Promise<{ address: string; port: number }> {
  const server = new RpcServer({ listen: '127.0.0.1:0', ...options });
  closers.push(() => server.close());
  const started = await server.start();
  server.setServing(true);
  return started;
}

function channelTo(address: string): RpcChannel {
  const channel = new RpcChannel(address);
  closers.push(() => channel.close());
  return channel;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

/** A client that sends any bytes. */
function rawClient(address: string): Client {
  const client = new Client(address, credentials.createInsecure());
  closers.push(() => client.close());
  return client;
}

async function statusOf(call: EventEmitter): Promise<unknown> {
  const { promise, resolve } = deferred<StatusObject>();
  call.once('status', resolve);
  return (await promise).code;
}

describe('bad bytes on the port', () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

  it.each([
    ['an HTTP/1.1 request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['garbage', Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 131) & 0xff))],
    ['garbage after the preface', Buffer.concat([Buffer.from(preface), Buffer.alloc(4096, 0xee)])],
    ['garbage after the settings', Buffer.concat([Buffer.from(preface), settings, Buffer.alloc(512, 0x51)])],
    ['half a preface', Buffer.from(preface.slice(0, 10))],
  ])('%s leaves the server running', async (_what, bytes) => {
    const { address, port } = await serve(shardOnly);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    closers.push(() => void socket.destroy());
    await once(socket, 'connect');
    await new Promise((resolve) => socket.end(bytes, () => resolve(undefined)));
    const channel = channelTo(address);
    // The second answer comes after the server has read what the bad connection had sent before the first question.
    expect(await channel.health({ timeoutMs })).toBe(true);
    expect(await channel.health({ timeoutMs })).toBe(true);
  });

  it('a message above the limit ends its stream with RESOURCE_EXHAUSTED, and nothing else', async () => {
    const { address } = await serve(shardOnly);
    const channel = channelTo(address);
    const { promise: closed, resolve: onClose } = deferred<EdisError | undefined>();
    const stream = channel.batch();
    stream.listen({ onMessage: unused, onClose });
    stream.send(putOf(Buffer.alloc(limits.maxMessageBytes + 1)));
    expect(await closed).toMatchObject({ code: 'protocol', message: expect.stringContaining('larger than') });
    expect(await channel.health({ timeoutMs })).toBe(true);
  });

  it('a message above the limit from a client without one is refused by the server', async () => {
    const { address } = await serve(shardOnly);
    const client = rawClient(address);
    const call = client.makeBidiStreamRequest('/edis.v1.ShardService/Batch', asIs, asIs);
    call.on('error', () => undefined);
    call.write(Buffer.alloc(limits.maxMessageBytes + 1));
    expect(await statusOf(call)).toBe(status.RESOURCE_EXHAUSTED);
    expect(await channelTo(address).health({ timeoutMs })).toBe(true);
  });

  it.each(['ShardService/Batch', 'InfoService/Session', 'ReplicationService/Follow', 'FeedService/Watch'])(
    'a malformed message on the stream %s ends it with INVALID_ARGUMENT and is told to the listener',
    async (method) => {
      const { promise: closed, resolve: onClose } = deferred<EdisError | undefined>();
      const listen = (stream: MessageStream<never, unknown>) => stream.listen({ onMessage: () => undefined, onClose });
      const { address } = await serve({
        shard: { batch: listen, execute: unused, stats: unused },
        info: {
          session: listen,
          watchTopology: unused,
          describeCluster: unused,
          createKeyspace: unused,
          dropKeyspace: unused,
          promote: unused,
        },
        replication: { follow: listen, snapshot: listen, beacon: listen },
        feed: { watch: listen },
      });
      const call = rawClient(address).makeBidiStreamRequest(`/edis.v1.${method}`, asIs, asIs);
      call.on('error', () => undefined);
      call.write(Buffer.from([0x0a, 0xff]));
      expect(await statusOf(call)).toBe(status.INVALID_ARGUMENT);
      expect(await closed).toMatchObject({ code: 'protocol' });
      expect(await channelTo(address).health({ timeoutMs })).toBe(true);
    },
  );

  it('a malformed unary request is answered with INVALID_ARGUMENT', async () => {
    const { address } = await serve(shardOnly);
    const client = rawClient(address);
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest('/edis.v1.ShardService/Execute', asIs, asIs, Buffer.from([0x0a, 0xff]), (error) =>
        resolve(error?.code),
      );
    });
    expect(code).toBe(status.INVALID_ARGUMENT);
  });
});
