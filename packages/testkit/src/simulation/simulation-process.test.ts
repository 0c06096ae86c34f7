import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { planOf, runScenario } from './cluster-scenario.ts';
import { parseSummary } from './simulation-summary.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function simulate(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('npm run simulate', () => {
  it('does one and the same with a seed in any process, event by event', async () => {
    const { digest, eventCount } = await runScenario(planOf(7));
    const again = await runScenario(planOf(7));
    expect(again.digest).toBe(digest);
    expect(eventCount).toBeGreaterThan(1000);
    const { code, out, err } = await simulate('--from', '7', '--seeds', '1', '--json');
    expect(code, err).toBe(0);
    expect(parseSummary(out)).toMatchObject({ seeds: 1, events: eventCount, digest, broken: [] });
  });

  it('ends the faults of a run after as many events as it is told', async () => {
    const whole = await runScenario(planOf(7));
    const { out } = await simulate('--from', '7', '--seeds', '1', '--steps', '500', '--json');
    const { events, operations } = parseSummary(out);
    expect(events).toBeLessThan(whole.eventCount);
    expect(operations).toBeLessThan(whole.figures.operations);
  });

  it('sums up what several processes did', async () => {
    const { out, err } = await simulate('--from', '1', '--seeds', '30', '--steps', '50', '--jobs', '2', '--json');
    expect(parseSummary(out), err).toMatchObject({ from: 1, seeds: 30 });
  });

  it('says what is wrong with its arguments', async () => {
    const { code, err } = await simulate('--seeds', 'many');
    expect(code).not.toBe(0);
    expect(err).toContain('--seeds is a whole number from 1');
  });
});
