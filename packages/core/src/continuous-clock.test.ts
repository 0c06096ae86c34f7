import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContinuousClock } from './continuous-clock.ts';

/** A machine that runs and is suspended, and its two clocks. */
class Machine {
  monotonicMs = 0;
  bootMs = 70_003.7;
  isBootKnown = true;
  /** How long the next look is held up after it has read the second clock. */
  holdUpMs = 0;
  lookCount = 0;
  readonly clock = new ContinuousClock({
    monotonicMs: () => this.monotonicMs,
    bootMs: () => this.#readBoot(),
  });

  run(forMs: number): void {
    this.monotonicMs += forMs;
    this.bootMs += forMs;
  }

  suspend(forMs: number): void {
    // Its monotonic clock goes on while it falls asleep, and while it wakes.
    this.run(6);
    this.bootMs += forMs;
    this.run(6);
  }

  #readBoot(): number | undefined {
    if (!this.isBootKnown) return undefined;
    const cutMs = Math.floor(this.bootMs / 10) * 10;
    this.lookCount += 1;
    this.run(this.holdUpMs);
    this.holdUpMs = 0;
    return cutMs;
  }
}

describe('a continuous clock', () => {
  test('is the monotonic clock on a machine that is not suspended', () => {
    const machine = new Machine();
    for (let step = 0; step < 1000; step++) {
      machine.run(0.7);
      expect(machine.clock.nowMs()).toBe(machine.monotonicMs);
    }
  });

  test('is the monotonic clock where the system has no clock that counts suspends', () => {
    let nowMs = 5;
    const clock = new ContinuousClock({ monotonicMs: () => nowMs, bootMs: () => undefined });
    nowMs += 100;
    expect(clock.nowMs()).toBe(105);
  });

  test('shows a suspend at the first reading after it', () => {
    const machine = new Machine();
    const startMs = machine.clock.nowMs();
    machine.run(3);
    machine.clock.nowMs();
    machine.suspend(1432);
    const passedMs = machine.clock.nowMs() - startMs;
    expect(passedMs).toBeGreaterThanOrEqual(3 + 12 + 1432);
    expect(passedMs).toBeLessThan(3 + 12 + 1432 + 20);
  });

  test('looks at the second clock a hundred times in a second, however often it is asked', () => {
    const machine = new Machine();
    for (let step = 0; step < 10_000; step++) {
      machine.run(0.1);
      machine.clock.nowMs();
    }
    expect(machine.lookCount).toBeLessThanOrEqual(101);
  });

  test('a look that is held up hides a suspend until the next one, at most', () => {
    const machine = new Machine();
    const startMs = machine.clock.nowMs();
    machine.holdUpMs = 500;
    machine.suspend(400);
    machine.clock.nowMs();
    machine.run(10);
    expect(machine.clock.nowMs() - startMs).toBeGreaterThanOrEqual(922);
  });

  test('shows a suspend that it could not see at first as soon as it can', () => {
    const machine = new Machine();
    const startMs = machine.clock.nowMs();
    machine.isBootKnown = false;
    machine.suspend(400);
    expect(machine.clock.nowMs() - startMs).toBe(12);
    machine.isBootKnown = true;
    machine.run(10);
    expect(machine.clock.nowMs() - startMs).toBeGreaterThanOrEqual(422);
  });

  test('never goes back, leaves out short suspends of 25 ms at most, and shows 20 ms too much for each', () => {
    const step = fc.record({
      runMs: fc.double({ min: 0, max: 50, noNaN: true }),
      suspendMs: fc.oneof(
        fc.constant(0),
        fc.double({ min: 0, max: 30, noNaN: true }),
        fc.integer({ min: 0, max: 90_000 }),
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new Machine();
        const bootMs = machine.bootMs;
        let shownMs = machine.clock.nowMs();
        let suspendCount = 0;
        for (const { runMs, suspendMs } of steps) {
          machine.run(runMs);
          if (suspendMs > 0) machine.suspend(suspendMs);
          const nowMs = machine.clock.nowMs();
          expect(nowMs).toBeGreaterThanOrEqual(shownMs);
          const hiddenMs = machine.bootMs - bootMs - nowMs;
          expect(hiddenMs).toBeLessThan(25);
          if (suspendMs > 0) suspendCount += 1;
          expect(-hiddenMs).toBeLessThan(20 * suspendCount + 0.001);
          shownMs = nowMs;
        }
      }),
    );
  });
});
