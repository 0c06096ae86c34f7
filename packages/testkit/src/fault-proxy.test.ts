import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';
import { waitFor } from './wait-for.ts';

let proxy: FaultProxy;
let server: Server;
/** The server's ends of the connections, in their order. */
let accepted: Ending[];
const clients: Socket[] = [];

/** A socket and what became of it. */
class Ending {
  readonly socket: Socket;
  text = '';
  ended = false;
  closed = false;
  code: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.code = error.code;
    });
  }
}

beforeEach(async () => {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(new Ending(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await FaultProxy.start();
  const address = server.address();
  if (!isBound(address)) throw new Error('the server has no port');
  proxy.setTarget(`127.0.0.1:${address.port}`);
});

afterEach(async () => {
  await proxy.close();
  for (const { socket } of accepted) socket.destroy();
  for (const socket of clients.splice(0)) socket.destroy();
  server.close();
});

function isBound(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

async function dial(): Promise<{ client: Ending; there: Ending }> {
  const count = accepted.length;
  const client = new Ending(
    connect({ host: '127.0.0.1', port: Number(proxy.address.split(':')[1]), allowHalfOpen: true }),
  );
  clients.push(client.socket);
  const there = await waitFor(() => accepted[count], 'the server has the connection');
  return { client, there };
}

/** A round trip: what was sent before it has passed, or will not. */
async function pass(from: Ending, to: Ending, text: string): Promise<void> {
  from.socket.write(text);
  await waitFor(
    () => to.text.endsWith(text),
    () => `${text} has passed; there is ${to.text.slice(-50)}`,
  );
}

async function settle(): Promise<void> {
  const other = await dial();
  await pass(other.client, other.there, '?');
}

describe('a fault proxy', () => {
  it('passes both ways what is sent, and the end of each direction by itself', async () => {
    const { client, there } = await dial();
    await pass(client, there, 'question');
    client.socket.end();
    await waitFor(() => there.ended, 'the server hears the end');
    await pass(there, client, 'answer');
    there.socket.end();
    await waitFor(() => client.closed && there.closed, 'both are closed');
    expect([client.code, there.code, proxy.connectionCount]).toEqual([undefined, undefined, 0]);
  });

  it('passes large amounts unchanged, with a reader who is slow to begin', async () => {
    const { client, there } = await dial();
    there.socket.pause();
    const bytes = Buffer.alloc(5_000_000, 'abcdefg');
    client.socket.end(bytes);
    there.socket.resume();
    await waitFor(() => there.ended, 'all has passed');
    expect(Buffer.from(there.text, 'latin1').equals(bytes)).toBe(true);
  });

  it('delays one direction, in order, and not the other', async () => {
    const { client, there } = await dial();
    proxy.impair('replies', { delayMs: 150 });
    const startMs = performance.now();
    await pass(client, there, 'there');
    const passedMs = performance.now() - startMs;
    for (const digit of '0123456789') there.socket.write(digit);
    await waitFor(() => client.text === '0123456789', 'all digits are back');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(149);
    expect(passedMs).toBeLessThan(150);
  });

  it('passes what is still on its way when its sender has closed, and closes then', async () => {
    const { client, there } = await dial();
    proxy.impair('replies', { delayMs: 150 });
    client.socket.end();
    await waitFor(() => there.ended, 'the server hears the end');
    there.socket.end('late');
    await waitFor(() => there.closed, 'the server has closed');
    expect([client.text, client.closed]).toEqual(['', false]);
    await waitFor(() => client.closed, 'the client is closed');
    expect([client.text, client.code, proxy.connectionCount]).toEqual(['late', undefined, 0]);
  });

  it('limits the throughput of a direction', async () => {
    const { client, there } = await dial();
    proxy.impair('requests', { bytesPerSecond: 200_000 });
    const startMs = performance.now();
    client.socket.end(Buffer.alloc(50_000));
    await waitFor(() => there.ended, 'all has passed');
    expect(performance.now() - startMs).toBeGreaterThan(200);
    expect(there.text).toHaveLength(50_000);
  });

  it('holds a direction, and lets everything go afterwards', async () => {
    const { client, there } = await dial();
    proxy.holdReplies(true);
    there.socket.write('held');
    await pass(client, there, 'passes');
    await settle();
    expect(client.text).toBe('');
    proxy.holdReplies(false);
    await waitFor(() => client.text === 'held', 'it is let go');
  });

  it('loses a direction without a word, and breaks what lost something when it heals', async () => {
    const { client, there } = await dial();
    proxy.impair('requests', { dropped: true });
    client.socket.write('lost');
    await pass(there, client, 'one way');
    expect([there.text, client.closed]).toEqual(['', false]);
    proxy.heal();
    await waitFor(() => client.closed && there.closed, 'both are closed');
    expect([client.code, there.code]).toEqual(['ECONNRESET', 'ECONNRESET']);
    await settle();
  });

  it('breaks a connection as soon as the direction that lost something loses nothing more', async () => {
    const { client, there } = await dial();
    proxy.impair('replies', { dropped: true });
    there.socket.write('lost');
    await pass(client, there, 'one way');
    proxy.impair('requests', { dropped: false });
    await pass(client, there, 'still one way');
    proxy.impair('replies', { dropped: false });
    await waitFor(() => client.closed && there.closed, 'both are closed');
    expect(client.text).toBe('');
  });

  it('keeps connections over a healing that lost nothing', async () => {
    const { client, there } = await dial();
    proxy.impair('both', { dropped: true });
    proxy.heal();
    await pass(client, there, 'still there');
    expect(client.closed).toBe(false);
  });

  it('resets both ends', async () => {
    const { client, there } = await dial();
    await pass(client, there, 'x');
    proxy.reset();
    await waitFor(() => client.closed && there.closed, 'both are closed');
    expect([client.code, there.code]).toEqual(['ECONNRESET', 'ECONNRESET']);
  });

  it.each(['client', 'server'] as const)('leaves a connection half open of which it told only the %s', async (told) => {
    const { client, there } = await dial();
    await pass(client, there, 'x');
    proxy.halfOpen(told);
    const [broken, orphan] = told === 'client' ? [client, there] : [there, client];
    await waitFor(() => broken.ended || broken.closed, 'the told end is closed');
    orphan.socket.write('into the void');
    await settle();
    expect([orphan.closed, orphan.ended, broken.text]).toEqual([false, false, told === 'server' ? 'x' : '']);
    proxy.heal();
    await waitFor(() => orphan.closed, 'the other end is closed, too');
    expect(orphan.code).toBe('ECONNRESET');
  });

  it('passes a reset on', async () => {
    const { client, there } = await dial();
    await pass(client, there, 'x');
    there.socket.resetAndDestroy();
    await waitFor(() => client.closed, 'the client is closed');
    expect(client.code).toBe('ECONNRESET');
  });

  it('impairs connections to come as those that are there', async () => {
    proxy.impair('requests', { delayMs: 100 });
    const startMs = performance.now();
    const { client, there } = await dial();
    await pass(client, there, 'late');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(99);
  });
});
