import type { SnapshotRequest, SnapshotResponse } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream, NodeChannel, NodeServer, ReplicationHandlers } from '@edis/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetworkBed } from './network-bed.ts';
import { LoopbackBed, SimulatedBed } from './network-bed.ts';

type ServerStream = MessageStream<SnapshotResponse, SnapshotRequest>;

function grant(pages: number): SnapshotRequest {
  return { kind: 'grant', pages };
}

function page(number: number, bytes = 0): SnapshotResponse {
  return { kind: 'page', keys: [Buffer.from(String(number))], values: [Buffer.alloc(bytes)] };
}

function grantsOf(messages: readonly SnapshotRequest[]): number[] {
  return messages.flatMap((message) => (message.kind === 'grant' ? [message.pages] : []));
}

function pagesOf(messages: readonly SnapshotResponse[]): number[] {
  return messages.flatMap((message) => (message.kind === 'page' ? message.keys.map((key) => Number(key)) : []));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** Collects what comes out of a stream. */
class Received<In> {
  readonly messages: In[] = [];
  readonly closes: (EdisError | undefined)[] = [];
  drains = 0;
  readonly #waiting = new Set<{ holds: () => boolean; done: () => void }>();

  constructor(stream: MessageStream<never, In>, onMessage: (message: In) => void = () => {}) {
    stream.listen({
      onMessage: (message) => {
        this.messages.push(message);
        onMessage(message);
        this.#look();
      },
      onDrain: () => {
        this.drains += 1;
        this.#look();
      },
      onClose: (error) => {
        this.closes.push(error);
        this.#look();
      },
    });
  }

  get closed(): Promise<EdisError | undefined> {
    return this.until(() => this.closes.length > 0).then(() => this.closes[0]);
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((done) => {
      this.#waiting.add({ holds, done });
      this.#look();
    });
  }

  #look(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.holds()) continue;
      this.#waiting.delete(waiting);
      waiting.done();
    }
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

const beds: readonly (readonly [string, () => NetworkBed])[] = [
  ['gRPC on loopback', () => new LoopbackBed()],
  ['the simulated network', () => new SimulatedBed(1)],
  ['the simulated network of another seed', () => new SimulatedBed(2)],
];

describe.each(beds)('%s', (_name, makeBed) => {
  let bed: NetworkBed;
  const channels: NodeChannel[] = [];
  const errors: EdisError[] = [];

  beforeEach(() => {
    bed = makeBed();
    errors.length = 0;
  });

  afterEach(async () => {
    for (const channel of channels.splice(0)) channel.close();
    await bed.close();
  });

  async function serve(
    snapshot: ReplicationHandlers['snapshot'],
    listen = bed.listen,
  ): Promise<{ server: NodeServer; address: string }> {
    const unused = (): never => {
      throw new Error('this handler is not called');
    };
    const server = bed.serving.serve({
      listen,
      replication: { follow: unused, beacon: unused, snapshot },
      onError: (error) => errors.push(error),
    });
    return { server, ...(await bed.wait(server.start())) };
  }

  function dial(address: string, connectTimeoutMs?: number): NodeChannel {
    const channel = bed.dialling.dial(address, connectTimeoutMs === undefined ? {} : { connectTimeoutMs });
    channels.push(channel);
    return channel;
  }

  const ignore = (stream: ServerStream): void => stream.listen({ onMessage: () => {}, onClose: () => {} });

  it('carries messages in order in both directions', async () => {
    const { address } = await serve((stream) => {
      stream.listen({
        onMessage: (message) => stream.send(page(message.kind === 'grant' ? message.pages : -1)),
        onClose: () => {},
      });
    });
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    for (const number of range(1, 101)) stream.send(grant(number));
    await bed.wait(received.until(() => received.messages.length === 100));
    expect(pagesOf(received.messages)).toEqual(range(1, 101));
  });

  it('delivers messages that arrived before listen', async () => {
    const { promise: handed, resolve: handOver } = deferred<ServerStream>();
    const { address } = await serve(handOver);
    const stream = dial(address).snapshot();
    stream.send(grant(1));
    stream.send(grant(2));
    const received = new Received(await bed.wait(handed));
    await bed.wait(received.until(() => received.messages.length === 2));
    expect(grantsOf(received.messages)).toEqual([1, 2]);
  });

  it('delivers everything when the server ends a stream, and then the end', async () => {
    let sentAfterEnd = true;
    const { address } = await serve((stream) => {
      for (const number of range(0, 50)) stream.send(page(number, 10_000));
      stream.end();
      sentAfterEnd = stream.send(page(50));
    });
    const received = new Received(dial(address).snapshot());
    expect(await bed.wait(received.closed)).toBeUndefined();
    expect(pagesOf(received.messages)).toEqual(range(0, 50));
    expect(received.closes).toEqual([undefined]);
    expect(sentAfterEnd).toBe(false);
  });

  it('ends a stream properly on both sides when the client ends it, after what the server had sent', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { address } = await serve((stream) => {
      stream.send(page(1));
      handOver(new Received(stream));
    });
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    stream.send(grant(7));
    stream.end();
    expect(stream.send(grant(8))).toBe(false);
    expect(await bed.wait(received.closed)).toBeUndefined();
    expect(pagesOf(received.messages)).toEqual([1]);
    const serverSide = await bed.wait(handed);
    expect(await bed.wait(serverSide.closed)).toBeUndefined();
    expect([serverSide.closes.length, grantsOf(serverSide.messages)]).toEqual([1, [7]]);
  });

  it.each([
    ['protocol', 'protocol'],
    ['busy', 'protocol'],
    ['not-formed', 'unreachable'],
    ['closed', 'unreachable'],
    ['deadline', 'deadline'],
    ['disk', 'internal'],
  ] as const)('tells the client %s, with which the server cancels, as %s', async (code, expected) => {
    const { address } = await serve((stream) => stream.cancel(new EdisError(code, 'this is why')));
    const received = new Received(dial(address).snapshot());
    expect(await bed.wait(received.closed)).toMatchObject({ code: expected });
    expect(received.closes).toHaveLength(1);
  });

  it('delivers what the server sent in the turn in which it cancels', async () => {
    const { address } = await serve((stream) => {
      stream.listen({
        onMessage: () => {
          stream.send(page(1));
          stream.cancel(new EdisError('protocol', 'no more'));
        },
        onClose: () => {},
      });
    });
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    stream.send(grant(1));
    expect(await bed.wait(received.closed)).toMatchObject({ code: 'protocol' });
    expect(pagesOf(received.messages)).toEqual([1]);
  });

  it('throws away what the client sent in the turn in which it cancels', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { address } = await serve((stream) => {
      handOver(new Received(stream));
      stream.send(page(1));
    });
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    await bed.wait(received.until(() => received.messages.length === 1));
    stream.send(grant(1));
    stream.cancel();
    const serverSide = await bed.wait(handed);
    await bed.wait(serverSide.closed);
    expect(grantsOf(serverSide.messages)).toEqual([]);
  });

  it('tells the server when the client cancels, once', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { address } = await serve((stream) => {
      handOver(new Received(stream));
      stream.send(page(1));
    });
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    await bed.wait(received.until(() => received.messages.length === 1));
    stream.cancel();
    expect([stream.closed, stream.send(grant(1)), received.closes]).toEqual([true, false, []]);
    expect(await bed.wait(received.closed)).toMatchObject({ code: 'closed' });
    const serverSide = await bed.wait(handed);
    expect(await bed.wait(serverSide.closed)).toMatchObject({ code: 'closed' });
    expect([received.closes.length, serverSide.closes.length]).toEqual([1, 1]);
  });

  it('tells both sides when the connection breaks', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { address } = await serve((stream) => {
      handOver(new Received(stream));
      stream.send(page(1));
    });
    const received = new Received(dial(await bed.through(address)).snapshot());
    await bed.wait(received.until(() => received.messages.length === 1));
    bed.cut();
    expect(await bed.wait(received.closed)).toMatchObject({ code: 'unreachable' });
    expect(await bed.wait((await bed.wait(handed)).closed)).toMatchObject({ code: 'closed' });
  });

  it('goes on over a new connection when the first one broke', async () => {
    const { address } = await serve((stream) => {
      ignore(stream);
      stream.send(page(1));
    });
    const channel = dial(await bed.through(address));
    const first = new Received(channel.snapshot());
    await bed.wait(first.until(() => first.messages.length === 1));
    bed.cut();
    await bed.wait(first.closed);
    const second = new Received(channel.snapshot());
    await bed.wait(second.until(() => second.messages.length === 1));
    expect(second.closes).toEqual([]);
  });

  it('tells the client when the server closes, and the server that its stream is over', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { server, address } = await serve((stream) => {
      handOver(new Received(stream));
      stream.send(page(1));
    });
    const received = new Received(dial(address).snapshot());
    await bed.wait(received.until(() => received.messages.length === 1));
    await bed.wait(Promise.all([server.close(), server.close()]));
    expect(await bed.wait(received.closed)).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(address),
    });
    expect(await bed.wait((await bed.wait(handed)).closed)).toMatchObject({ code: 'closed' });
  });

  it('ends a stream whose listener throws with an internal error that names no details, and reports it', async () => {
    const { address } = await serve((stream) =>
      stream.listen({
        onMessage: () => {
          throw new Error('secret');
        },
        onClose: () => {},
      }),
    );
    const stream = dial(address).snapshot();
    const received = new Received(stream);
    stream.send(grant(1));
    expect(await bed.wait(received.closed)).toMatchObject({
      code: 'internal',
      message: expect.not.stringContaining('secret'),
    });
    expect(errors.map(({ message }) => message)).toEqual(['secret']);
  });

  it('pushes back on a sender whose peer does not read, and drains when it does', async () => {
    const { promise: handed, resolve: handOver } = deferred<[number, Received<SnapshotRequest>]>();
    const { address } = await serve((stream) => {
      const serverSide = new Received(stream);
      let sent = 1;
      while (stream.send(page(sent, 500_000))) sent++;
      handOver([sent, serverSide]);
    });
    const stream = dial(address).snapshot();
    stream.pause();
    const received = new Received(stream);
    const [sent, serverSide] = await bed.wait(handed);
    expect([serverSide.drains, received.messages]).toEqual([0, []]);
    stream.resume();
    await bed.wait(received.until(() => received.messages.length === sent));
    await bed.wait(serverSide.until(() => serverSide.drains > 0));
    expect(pagesOf(received.messages)).toEqual(range(1, sent + 1));
  });

  it('takes sixteen messages at once before it asks to wait', async () => {
    const { promise: sent, resolve } = deferred<number>();
    const { address } = await serve((stream) => {
      let count = 1;
      while (stream.send(page(count))) count++;
      resolve(count);
    });
    const received = new Received(dial(address).snapshot());
    expect(await bed.wait(sent)).toBe(16);
    await bed.wait(received.until(() => received.messages.length === 16));
  });

  it('delivers what a paused reader had not read when the stream ended properly', async () => {
    const { address } = await serve((stream) => {
      for (const number of range(0, 5)) stream.send(page(number));
      stream.end();
    });
    const stream = dial(address).snapshot();
    const received: Received<SnapshotResponse> = new Received(stream, () => {
      if (received.messages.length === 1) stream.pause();
    });
    await bed.wait(received.until(() => received.messages.length === 1));
    expect(received.closes).toEqual([]);
    stream.resume();
    expect(await bed.wait(received.closed)).toBeUndefined();
    expect(pagesOf(received.messages)).toEqual(range(0, 5));
  });

  it('closes a stream at once when the connection is refused, and the next one tries anew', async () => {
    const { server, address } = await serve(ignore);
    await bed.wait(server.close());
    const channel = dial(address);
    expect(await bed.wait(new Received(channel.snapshot()).closed)).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(address),
    });
    await serve((stream) => {
      ignore(stream);
      stream.send(page(3));
    }, address);
    const received = new Received(channel.snapshot());
    await bed.wait(received.until(() => received.messages.length === 1));
    expect(pagesOf(received.messages)).toEqual([3]);
  });

  it('closes a stream within connectTimeoutMs when nothing comes back', async () => {
    const received = new Received(dial(await bed.silentAddress(), 50).snapshot());
    expect(await bed.wait(received.closed)).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('within 50 ms'),
    });
  });

  it('ends what is open with closed when the channel is closed, and everything after it', async () => {
    const { promise: handed, resolve: handOver } = deferred<Received<SnapshotRequest>>();
    const { address } = await serve((stream) => {
      handOver(new Received(stream));
      stream.send(page(1));
    });
    const channel = dial(address);
    const open = new Received(channel.snapshot());
    await bed.wait(open.until(() => open.messages.length === 1));
    channel.close();
    expect(await bed.wait(open.closed)).toMatchObject({ code: 'closed' });
    expect(await bed.wait(new Received(channel.snapshot()).closed)).toMatchObject({ code: 'closed' });
    expect(await bed.wait((await bed.wait(handed)).closed)).toMatchObject({ code: 'closed' });
  });

  it('refuses a service that the server does not have', async () => {
    const server = bed.serving.serve({ listen: bed.listen });
    const { address } = await bed.wait(server.start());
    expect(await bed.wait(new Received(dial(address).snapshot()).closed)).toMatchObject({ code: 'protocol' });
    await bed.wait(server.close());
  });

  it('says port-in-use of an address that somebody listens on', async () => {
    const { address } = await serve(ignore);
    await expect(serve(ignore, address)).rejects.toMatchObject({ code: 'port-in-use' });
  });

  it('drains: takes no new connections and waits for open streams', async () => {
    const { promise: handed, resolve: handOver } = deferred<ServerStream>();
    const { server, address } = await serve((stream) => {
      ignore(stream);
      stream.send(page(0));
      handOver(stream);
    });
    const received = new Received(dial(address).snapshot());
    await bed.wait(received.until(() => received.messages.length === 1));
    const drained = server.drain(10_000);
    expect(await bed.wait(new Received(dial(address).snapshot()).closed)).toMatchObject({ code: 'unreachable' });
    const serverSide = await bed.wait(handed);
    serverSide.send(page(1));
    serverSide.end();
    await bed.wait(drained);
    expect(await bed.wait(received.closed)).toBeUndefined();
    expect(pagesOf(received.messages)).toEqual([0, 1]);
  });

  it('drains no longer than the deadline', async () => {
    const { server, address } = await serve((stream) => {
      ignore(stream);
      stream.send(page(0));
    });
    const received = new Received(dial(address).snapshot());
    await bed.wait(received.until(() => received.messages.length === 1));
    await expect(bed.wait(server.drain(20))).resolves.toBeUndefined();
  });
});
