import type { EdisError, SnapshotRequest, SnapshotResponse } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { describe, expect, it } from 'vitest';
import type { Incarnation } from './incarnation.ts';
import { SimulatedWorld } from './simulated-world.ts';

interface Side {
  readonly seen: number[];
  readonly closes: (EdisError | undefined)[];
}

interface Pair {
  readonly world: SimulatedWorld;
  readonly stream: MessageStream<SnapshotRequest, SnapshotResponse>;
  readonly client: Side;
  readonly server: Side;
}

/** A stream that counts up from `client` to `server`, one number each 100 ms, which are sent back. */
async function countingPair(seed: number): Promise<Pair> {
  const world = new SimulatedWorld({ seed });
  const client: Side = { seen: [], closes: [] };
  const server: Side = { seen: [], closes: [] };
  const unused = (): never => {
    throw new Error('this handler is not called');
  };
  world
    .add('server', async (life: Incarnation) => {
      const snapshot = (stream: MessageStream<SnapshotResponse, SnapshotRequest>): void =>
        stream.listen({
          onMessage: (message) => {
            if (message.kind !== 'grant') return;
            server.seen.push(message.pages);
            stream.send({ kind: 'end', rowCount: message.pages });
          },
          onClose: (error) => server.closes.push(error),
        });
      const replication = { snapshot, follow: unused, beacon: unused };
      await world.networkOf(life).serve({ listen: '0.0.0.0:7410', replication }).start();
      return {};
    })
    .start();
  const dialled: MessageStream<SnapshotRequest, SnapshotResponse>[] = [];
  const dialler = world.add('client', async (life) => {
    const stream = world.networkOf(life).dial('server:7410').snapshot();
    dialled.push(stream);
    stream.listen({
      onMessage: (message) => {
        if (message.kind === 'end') client.seen.push(message.rowCount);
      },
      onClose: (error) => client.closes.push(error),
    });
    let count = 0;
    life.timers.every(100, () => stream.send({ kind: 'grant', pages: ++count }));
    return {};
  });
  await world.time.run(1);
  dialler.start();
  await world.time.run(1050);
  const [stream] = dialled;
  if (stream === undefined) throw new Error('nothing was dialled');
  return { world, stream, client, server };
}

function isCountedUp(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number === index + 1);
}

describe('a blocked link', () => {
  it('holds messages, and delivers them in order when it is free again', async () => {
    const { world, client, server } = await countingPair(1);
    const before = server.seen.length;
    expect(before).toBeGreaterThan(5);
    world.fabric.block('client', 'server');
    await world.time.run(3000);
    expect(server.seen.length - before).toBeLessThanOrEqual(1);
    world.fabric.unblock('client', 'server');
    await world.time.run(4000);
    expect(server.seen.length).toBeGreaterThan(before + 20);
    expect([isCountedUp(server.seen), isCountedUp(client.seen)]).toEqual([true, true]);
    expect([client.closes, server.closes]).toEqual([[], []]);
  });

  it('blocks one way only', async () => {
    const { world, client, server } = await countingPair(2);
    const before = client.seen.length;
    world.fabric.block('server', 'client');
    await world.time.run(3000);
    expect(client.seen.length - before).toBeLessThanOrEqual(1);
    expect(server.seen.length).toBeGreaterThan(before + 15);
  });

  it('breaks what goes over it, on each side by itself, when it stays blocked', async () => {
    const { world, client, server } = await countingPair(3);
    world.fabric.block('client', 'server');
    await world.time.run(25_000);
    expect(client.closes).toMatchObject([{ code: 'unreachable' }]);
    expect(server.closes).toMatchObject([{ code: 'closed' }]);
  });

  it('never changes the order of a stream, whatever happens to the links', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { world, client, server } = await countingPair(seed);
      const { random } = world;
      for (let round = 0; round < 20; round++) {
        const [from, to] = random.chance(0.5) ? (['client', 'server'] as const) : (['server', 'client'] as const);
        world.fabric.block(from, to);
        await world.time.run(world.time.nowMs + random.between(0, 500));
        world.fabric.unblock(from, to);
        await world.time.run(world.time.nowMs + random.between(0, 50));
      }
      await world.time.run(world.time.nowMs + 1000);
      expect([isCountedUp(server.seen), isCountedUp(client.seen)]).toEqual([true, true]);
      expect(server.seen.length).toBeGreaterThan(30);
    }
  });
});

describe('a connection', () => {
  it('that is reset is lost to both sides, with what was under way', async () => {
    const { world, client, server, stream } = await countingPair(4);
    stream.send({ kind: 'grant', pages: 999 });
    await world.time.settle();
    world.fabric.reset('client', 'server');
    await world.time.run(2000);
    expect(server.seen).not.toContain(999);
    expect([client.closes, server.closes]).toMatchObject([[{ code: 'unreachable' }], [{ code: 'closed' }]]);
  });

  it('that is half open is noticed by the untold side when it sends', async () => {
    const { world, client, server } = await countingPair(5);
    world.fabric.halfOpen('server', 'client');
    await world.time.settle();
    expect([client.closes, server.closes.length]).toEqual([[], 1]);
    await world.time.run(1500);
    expect(client.closes).toMatchObject([{ code: 'unreachable' }]);
  });

  it('to a killed process breaks at once', async () => {
    const { world, client } = await countingPair(6);
    world.processes.get('server')?.kill();
    await world.time.run(1200);
    expect(client.closes).toMatchObject([{ code: 'unreachable' }]);
  });

  it('to a machine without power stays open until the keepalive finds out', async () => {
    const { world, client } = await countingPair(7);
    world.processes.get('server')?.crash(false);
    await world.time.run(10_000);
    expect(client.closes).toEqual([]);
    await world.time.run(25_000);
    expect(client.closes).toMatchObject([{ code: 'unreachable' }]);
  });

  it('to a machine that is back is refused by it', async () => {
    const { world, client } = await countingPair(8);
    world.processes.get('server')?.crash(false, 500);
    await world.time.run(2500);
    expect(client.closes).toMatchObject([{ code: 'unreachable' }]);
  });

  it('to a paused process takes what it can, which arrives when that goes on', async () => {
    const { world, client, server } = await countingPair(9);
    const before = server.seen.length;
    world.processes.get('server')?.pause();
    await world.time.run(5000);
    expect(server.seen.length).toBe(before);
    world.processes.get('server')?.resume();
    await world.time.run(5050);
    expect(server.seen.length).toBeGreaterThan(before + 30);
    expect([isCountedUp(server.seen), client.closes]).toEqual([true, []]);
  });
});
