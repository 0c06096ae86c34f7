import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultLinks } from './fault-links.ts';
import { waitFor } from './wait-for.ts';

/** Two who dial each other, and a third one whom nobody dials. */
const names = ['one', 'two'] as const;

let links: FaultLinks;
let servers: Server[];
let sockets: Socket[];

function isBound(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** Says everything twice: what comes back tells that both directions pass. */
async function startEcho(name: string): Promise<void> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => socket.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  const address = server.address();
  if (!isBound(address)) throw new Error('the server has no port');
  links.setTarget(name, `127.0.0.1:${address.port}`);
}

beforeEach(async () => {
  servers = [];
  sockets = [];
  links = await FaultLinks.start([
    ['one', 'two'],
    ['two', 'one'],
  ]);
  for (const name of names) await startEcho(name);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await links.close();
  for (const server of servers) server.close();
});

/** A connection, and what came back on it. */
function dial(from: string, to: string): { say: (text: string) => void; heard: () => string } {
  const socket = connect(Number(links.address(from, to).split(':')[1]), '127.0.0.1');
  sockets.push(socket);
  let heard = '';
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString('latin1');
  });
  return { say: (text) => socket.write(text), heard: () => heard };
}

async function passes(from: string, to: string): Promise<void> {
  const { say, heard } = dial(from, to);
  say('x');
  await waitFor(() => heard() === 'x', `${from} hears from ${to}`);
}

describe('links', () => {
  it('delay what one sends, on connections that it dialled and on those that it accepted', async () => {
    links.delay('one', 'two', 120);
    for (const [from, to] of [names, names.toReversed()]) {
      const startMs = performance.now();
      await passes(from ?? '', to ?? '');
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(119);
    }
  });

  it('hold what one sends until the last of several faults has ended', async () => {
    links.clog('one', 'two');
    links.clog('one', 'two');
    const held = dial('one', 'two');
    held.say('x');
    links.clog('one', 'two', false);
    // A round trip on another connection, the other way of which is clogged at its replies: nothing of it comes back.
    const other = dial('two', 'one');
    other.say('y');
    links.delay('two', 'one', 0);
    expect([held.heard(), other.heard()]).toEqual(['', '']);
    links.clog('one', 'two', false);
    await waitFor(() => held.heard() === 'x' && other.heard() === 'y', 'both are let go');
  });

  it('lose what one sends to others, both ways when they are parted, and pass again when healed', async () => {
    links.part(['one'], ['two', 'nobody']);
    const lost = [dial('one', 'two'), dial('two', 'one')];
    for (const { say } of lost) say('x');
    await waitFor(() => sockets.length >= 4, 'both have reached the proxies and the servers');
    expect(lost.map(({ heard }) => heard())).toEqual(['', '']);
    links.heal();
    await passes('one', 'two');
    await passes('two', 'one');
    expect(lost.map(({ heard }) => heard())).toEqual(['', '']);
  });

  it('say so when somebody is asked for who is not dialled', () => {
    expect(() => links.address('one', 'nobody')).toThrow('one does not dial nobody');
  });
});
