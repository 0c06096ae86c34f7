import { describe, expect, it } from 'vitest';
import type { Incarnation } from './incarnation.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { WorldOptions } from './simulated-world.ts';
import { SimulatedWorld } from './simulated-world.ts';

interface Started {
  readonly world: SimulatedWorld;
  readonly process: SimulatedProcess;
  readonly lives: Incarnation[];
  readonly life: Incarnation;
}

async function start(options: Partial<WorldOptions> = {}): Promise<Started> {
  const world = new SimulatedWorld({ seed: 1, maxDrift: 0, ...options });
  const lives: Incarnation[] = [];
  const process = world.add('m1', async (incarnation) => {
    lives.push(incarnation);
    return {};
  });
  process.start();
  await world.time.settle();
  const [life] = lives;
  if (life === undefined) throw new Error('nothing runs');
  return { world, process, lives, life };
}

describe('the timers of a process', () => {
  it('fire by its own clock', async () => {
    const { world, process, life } = await start();
    process.clock.setRate(2);
    let firedMs = 0;
    life.timers.after(100, () => {
      firedMs = world.time.nowMs;
    });
    await world.time.run(200);
    expect(firedMs).toBeGreaterThanOrEqual(50);
    expect(firedMs).toBeLessThan(51);
  });

  it('keep to the clock when that changes meanwhile', async () => {
    const { world, process, life } = await start();
    let firedMs = 0;
    life.timers.after(100, () => {
      firedMs = world.time.nowMs;
    });
    await world.time.run(50);
    process.clock.setRate(0.5);
    await world.time.run(500);
    expect(Math.floor(firedMs)).toBe(150);
  });

  it('wait for the end of a pause, and repeat once for all that was missed', async () => {
    const { world, process, life } = await start();
    const fired: number[] = [];
    life.timers.every(100, () => fired.push(Math.floor(world.time.nowMs)));
    await world.time.run(150);
    process.pause();
    await world.time.run(1000);
    process.resume();
    await world.time.run(1050);
    expect([fired, Math.round(life.monotonicMs())]).toEqual([[100, 1000], 1050]);
  });

  it('stand still in a suspend, as the monotonic clock does and the wall clock does not', async () => {
    const { world, process, life } = await start();
    const wallMs = life.wallMs();
    let firedMs = 0;
    life.timers.after(100, () => {
      firedMs = world.time.nowMs;
    });
    await world.time.run(50);
    process.suspend();
    await world.time.run(1050);
    process.resume();
    await world.time.run(2000);
    expect(Math.floor(firedMs)).toBe(1100);
    expect([Math.round(life.monotonicMs()), Math.round(life.wallMs() - wallMs)]).toEqual([1000, 2000]);
  });

  it('stand still where a program can tell how long a suspend was, whatever the wall clock shows', async () => {
    const { world, process, life } = await start({ countsSuspends: true });
    await world.time.run(50);
    expect(Math.round(life.continuousMs())).toBe(50);
    process.suspend();
    await world.time.run(1050);
    process.clock.stepWall(-900);
    process.resume();
    let wokenMs = 0;
    let shownMs = 0;
    process.deliver(life, () => {
      wokenMs = world.time.nowMs;
      shownMs = life.continuousMs();
    });
    await world.time.run(1100);
    expect([wokenMs, Math.round(life.monotonicMs()), process.clock.continuousMs]).toEqual([1065, 100, 1100]);
    expect(shownMs).toBeGreaterThanOrEqual(1065);
    expect(shownMs).toBeLessThan(1065 + 20);
    process.kill(10);
    await world.time.run(1210);
    expect(Math.round(process.incarnation?.continuousMs() ?? 0)).toBe(100);
  });

  it('end with the process', async () => {
    const { world, process, life } = await start();
    let fired = false;
    life.timers.after(100, () => {
      fired = true;
    });
    process.kill(10);
    life.timers.after(1, () => {
      fired = true;
    });
    await world.time.run(1000);
    expect([fired, process.state]).toEqual([false, 'running']);
  });
});

describe('a process', () => {
  it('begins its monotonic clock anew with each start, and keeps its wall clock', async () => {
    const { world, process, lives } = await start();
    await world.time.run(5000);
    process.crash(false, 1000);
    await world.time.run(7000);
    const life = lives[1];
    expect(life?.monotonicMs()).toBeCloseTo(1000, 5);
  });

  it('that ends by itself is started again', async () => {
    const world = new SimulatedWorld({ seed: 1 });
    let starts = 0;
    world
      .add('m1', async () => {
        starts += 1;
        if (starts === 1) throw new Error('the disk is full');
        return {};
      })
      .start();
    await world.time.run(5000);
    expect(starts).toBe(2);
    expect(world.trace.toString()).toContain('ends: the disk is full');
  });

  it('ends with an exception that nobody catches, which is told', async () => {
    const { world, process, life } = await start();
    life.timers.after(10, () => {
      throw new Error('a bug');
    });
    await world.time.run(20);
    expect(process.state).toBe('off');
    expect(world.uncaught.map(({ process: where, error }) => [where, error.message])).toEqual([['m1', 'a bug']]);
  });

  it('can be held up between two looks at the clock', async () => {
    const { world, process, life } = await start();
    let firedMs = 0;
    const looks: number[] = [];
    life.timers.after(50, () => {
      firedMs = world.time.nowMs;
    });
    life.timers.after(10, () => {
      process.interrupt(() => process.stall(500), 2);
      looks.push(Math.floor(life.monotonicMs()), Math.floor(life.monotonicMs()), Math.floor(life.monotonicMs()));
    });
    await world.time.run(1000);
    expect(looks).toEqual([10, 510, 510]);
    expect(Math.floor(firedMs)).toBe(510);
  });

  it('can be cut short between two steps: what its code still does leads nowhere', async () => {
    const { world, process, life, lives } = await start();
    const { disk } = process.disk.environmentOf(life);
    life.timers.after(10, () => {
      const file = disk.open('data/a');
      process.interrupt(() => process.kill(100), 2);
      file.append([Buffer.from('one')]);
      file.append([Buffer.from('two')]);
      throw new Error('of the dead');
    });
    await world.time.run(50);
    expect([process.state, life.alive, world.uncaught]).toEqual(['off', false, []]);
    await world.time.run(200);
    const next = lives[1];
    expect(next && process.disk.environmentOf(next).disk.open('data/a').size).toBe(3);
  });

  it('that is told to end does what it has to do before, and comes back later', async () => {
    const { world, process, ends } = endless(100);
    await world.time.run(10);
    process.terminate(1000, 500);
    await world.time.run(100);
    expect([process.state, ends()]).toEqual(['running', 0]);
    await world.time.run(400);
    expect([process.state, ends()]).toEqual(['off', 1]);
    await world.time.run(1000);
    expect(process.state).toBe('running');
  });

  it('that does not end in time is ended', async () => {
    const { world, process, ends } = endless(5000);
    await world.time.run(10);
    process.terminate(1000, 500);
    await world.time.run(1200);
    expect([process.state, ends()]).toEqual(['off', 0]);
    await world.time.run(10_000);
    expect([process.state, ends()]).toEqual(['running', 0]);
  });

  it('comes back with an empty disk when it was wiped', async () => {
    const { world, process, life, lives } = await start();
    const file = process.disk.environmentOf(life).disk.open('data/a');
    file.append([Buffer.from('one')]);
    const synced = file.sync();
    await world.time.runFor(synced, 1000, 'a sync');
    process.wipe(100);
    await world.time.run(world.time.nowMs + 200);
    const next = lives[1];
    expect(next && process.disk.environmentOf(next).disk.open('data/a').size).toBe(0);
  });
});

/** A process that needs that long to end. */
function endless(endMs: number): { world: SimulatedWorld; process: SimulatedProcess; ends: () => number } {
  const world = new SimulatedWorld({ seed: 1 });
  let ended = 0;
  const process = world.add('m1', async (life) => ({
    end: async () => {
      await new Promise<void>((resolve) => {
        life.timers.after(endMs, resolve);
      });
      ended += 1;
    },
  }));
  process.start();
  return { world, process, ends: () => ended };
}
