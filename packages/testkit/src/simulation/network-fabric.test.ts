import { describe, expect, it } from 'vitest';
import type { Incarnation } from './incarnation.ts';
import type { SimulatedConnection } from './simulated-connection.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedWorld } from './simulated-world.ts';

const port = 7410;
/** More than a way there and back takes on a calm link. */
const moment = 20;

/** A client that looks for a server, and what it is told and when. */
class Dialling {
  readonly world = new SimulatedWorld({ seed: 1 });
  readonly server: SimulatedProcess;
  readonly client: SimulatedProcess;
  readonly told: string[] = [];
  connection: SimulatedConnection | undefined;
  #stopServing: () => Promise<void> = () => Promise.resolve();

  constructor() {
    this.server = this.world.add('server', async (life) => {
      const server = this.world.networkOf(life).serve({ listen: `0.0.0.0:${port}` });
      await server.start();
      this.#stopServing = () => server.close();
      return {};
    });
    this.client = this.world.add('client', () => Promise.resolve({}));
    this.server.start();
    this.client.start();
  }

  async dial(keepaliveMs?: number): Promise<void> {
    await this.world.time.settle();
    this.world.fabric.connect(this.#lifeOf(this.client), `server:${port}`, {
      keepaliveMs,
      onConnected: (connection) => {
        this.connection = connection;
        this.#tell('connected');
      },
      onRefused: (why) => this.#tell(why),
    });
  }

  /** What the server does as soon as it can. */
  closeServer(): void {
    this.#lifeOf(this.server).deliver(() => void this.#stopServing());
  }

  async pass(forMs: number): Promise<void> {
    const { time } = this.world;
    await time.run(time.nowMs + forMs);
  }

  #tell(what: string): void {
    this.told.push(`${what} after ${Math.floor(this.world.time.nowMs / 100) / 10} s`);
  }

  #lifeOf(process: SimulatedProcess): Incarnation {
    if (process.incarnation === undefined) throw new Error(`${process.name} does not run`);
    return process.incarnation;
  }
}

describe('a connection that is looked for', () => {
  it('is refused by a machine on which nobody listens', async () => {
    const dialling = new Dialling();
    dialling.server.kill();
    await dialling.dial();
    await dialling.pass(moment);
    expect(dialling.told).toEqual(['connection refused after 0 s']);
  });

  it('is taken by a process that stood still, when it goes on', async () => {
    const dialling = new Dialling();
    await dialling.dial();
    dialling.server.pause();
    await dialling.pass(500);
    expect(dialling.told).toEqual([]);
    dialling.server.resume();
    await dialling.pass(moment);
    expect(dialling.told).toEqual(['connected after 0.5 s']);
  });

  it('is refused when the process that stands still is killed', async () => {
    const dialling = new Dialling();
    await dialling.dial();
    dialling.server.pause();
    await dialling.pass(500);
    dialling.server.kill();
    await dialling.pass(moment);
    expect(dialling.told).toEqual(['connection refused after 0.5 s']);
  });

  it('is refused when the process that stood still takes nothing any more', async () => {
    const dialling = new Dialling();
    await dialling.dial();
    dialling.server.pause();
    dialling.closeServer();
    await dialling.pass(500);
    dialling.server.resume();
    await dialling.pass(moment);
    expect(dialling.told).toEqual(['connection refused after 0.5 s']);
  });

  it('is tried again when the machine of the process that stands still loses power', async () => {
    const dialling = new Dialling();
    await dialling.dial();
    dialling.server.pause();
    await dialling.pass(500);
    dialling.server.crash(false, 600);
    await dialling.pass(1000 + 2 * moment);
    expect(dialling.told).toEqual(['connected after 1.5 s']);
  });

  it('is tried again on a link that is cut, each time after twice as long', async () => {
    const dialling = new Dialling();
    dialling.world.fabric.block('client', 'server');
    await dialling.dial();
    await dialling.pass(3500);
    dialling.world.fabric.unblock('client', 'server');
    await dialling.pass(10_000);
    expect(dialling.told).toEqual(['connected after 7 s']);
  });

  it('is lost to a client that stood still when it is broken before that hears of it', async () => {
    const dialling = new Dialling();
    await dialling.dial();
    dialling.client.pause();
    await dialling.pass(500);
    dialling.world.fabric.reset('client', 'server');
    dialling.client.resume();
    await dialling.pass(moment);
    expect(dialling.told).toEqual(['connection reset after 0.5 s']);
  });
});

it.each([
  [2000, 2000],
  [undefined, 10_000],
])('a client with a keepalive of %s ms finds out in once to twice that time', async (keepaliveMs, fromMs) => {
  const dialling = new Dialling();
  await dialling.dial(keepaliveMs);
  await dialling.pass(moment);
  dialling.server.crash(false);
  await dialling.pass(fromMs - moment);
  expect(dialling.connection?.usable).toBe(true);
  await dialling.pass(fromMs + moment);
  expect(dialling.connection?.usable).toBe(false);
});
