import { describe, expect, it } from 'vitest';
import { SimulatedTime } from './simulated-time.ts';

describe('simulated time', () => {
  it('runs events by time, those of the same time in the order in which they were made', async () => {
    const time = new SimulatedTime();
    const seen: string[] = [];
    for (const [name, atMs] of [
      ['c', 2],
      ['a', 1],
      ['d', 2],
      ['b', 1],
      ['e', 3],
    ] as const) {
      time.at(atMs, () => seen.push(`${name}@${time.nowMs}`));
    }
    await time.run(2.5);
    expect([seen, time.nowMs]).toEqual([['a@1', 'b@1', 'c@2', 'd@2'], 2.5]);
  });

  it('does not run what was called off', async () => {
    const time = new SimulatedTime();
    const seen: string[] = [];
    const cancel = time.after(1, () => seen.push('never'));
    time.after(1, () => seen.push('once'));
    cancel();
    await time.run(10);
    expect(seen).toEqual(['once']);
  });

  it('begins the next event when everything that followed from the last one has happened', async () => {
    const time = new SimulatedTime();
    const seen: string[] = [];
    const nextTurn = (): Promise<void> =>
      new Promise((resolve) => {
        setImmediate(resolve);
      });
    time.at(1, () => {
      void (async () => {
        for (let turn = 0; turn < 20; turn++) {
          await nextTurn();
          await Promise.resolve();
          await new Promise<void>((resolve) => {
            process.nextTick(resolve);
          });
        }
        seen.push(`first@${time.nowMs}`);
      })();
    });
    time.at(1, () => seen.push('second'));
    await time.run(1);
    expect(seen).toEqual(['first@1', 'second']);
  });

  it('reports a loop that waits for time to pass without letting it', async () => {
    const time = new SimulatedTime();
    let spinning = true;
    const spin = (): void => {
      if (spinning) setImmediate(spin);
    };
    time.at(1, spin);
    await expect(time.run(2)).rejects.toMatchObject({ code: 'internal' });
    spinning = false;
  });

  it('stops as soon as what it runs for has come', async () => {
    const time = new SimulatedTime();
    const result = new Promise<string>((resolve) => {
      time.at(5, () => resolve('here'));
    });
    expect([await time.runFor(result, 100, 'the result'), time.nowMs]).toEqual(['here', 5]);
    await expect(time.runFor(new Promise(() => {}), 100, 'nothing')).rejects.toThrow('nothing');
  });
});
