import { EdisError } from '@edis/core';
import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { commonSettings } from './common-settings.ts';
import type { ProcessHost } from './process-host.ts';
import { within } from './process-host.ts';
import type { RunningRole } from './run-process.ts';
import { runProcess } from './run-process.ts';
import { defineSettings } from './settings.ts';

const settings = defineSettings(commonSettings({ listen: '127.0.0.1:0' }));

class FakeHost implements ProcessHost {
  readonly environment = {};
  readonly isTerminal = false;
  readonly args: readonly string[];
  out = '';
  error = '';
  readonly exits: number[] = [];
  signal: (signal: NodeJS.Signals) => void = () => undefined;
  uncaught: (caught: unknown) => void = () => undefined;
  closeStdin: () => void = () => undefined;
  readonly within = within;

  constructor(...args: string[]) {
    this.args = args;
  }

  writeOut(text: string): void {
    this.out += text;
  }

  writeError(text: string): void {
    this.error += text;
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  onSignal(listener: (signal: NodeJS.Signals) => void): void {
    this.signal = listener;
  }

  onUncaught(listener: (caught: unknown) => void): void {
    this.uncaught = listener;
  }

  onStdinClosed(listener: () => void): void {
    this.closeStdin = listener;
  }

  createLogger() {
    return pino({ level: 'silent' });
  }
}

class FakeRole implements RunningRole {
  readonly calls: string[] = [];
  fail: (error: EdisError) => void = () => undefined;
  readonly failed = new Promise<EdisError>((resolve) => {
    this.fail = resolve;
  });
  drainWork: Promise<void> = Promise.resolve();

  drain(withCluster?: boolean): Promise<void> {
    this.calls.push(withCluster === true ? 'drain with the cluster' : 'drain');
    return this.drainWork;
  }

  async close(): Promise<void> {
    this.calls.push('close');
  }
}

async function serve(host: FakeHost, role = new FakeRole()): Promise<FakeRole> {
  await runProcess({ name: 'edis-test', settings, start: async () => role }, host);
  return role;
}

const forever = new Promise<void>(() => undefined);

describe('the life of a process', () => {
  test('--help and --version answer on stdout and end with 0', async () => {
    const help = new FakeHost('--help');
    await serve(help);
    expect(help.out).toContain('--drain');
    const version = new FakeHost('--version');
    await serve(version);
    expect(version.out).toMatch(/^edis-test \d+\.\d+\.\d+\n$/);
    expect([...help.exits, ...version.exits]).toEqual([0, 0]);
  });

  test('a wrong command line is one line on stderr and exit code 2', async () => {
    const host = new FakeHost('--dta', 'x');
    const role = await serve(host);
    expect(host.error).toBe('edis-test: unknown flag --dta; did you mean --data?\n');
    expect(host.exits).toEqual([2]);
    expect(role.calls).toEqual([]);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s drains, closes and ends with 0', async (signal) => {
    const host = new FakeHost();
    const role = await serve(host);
    host.signal(signal);
    await vi.waitFor(() => expect(host.exits).toEqual([0]));
    expect(role.calls).toEqual(['drain', 'close']);
  });

  test('a drain that hangs is given up after drainMs', async () => {
    const host = new FakeHost('--drain', '20ms');
    const role = new FakeRole();
    role.drainWork = forever;
    await serve(host, role);
    host.signal('SIGTERM');
    await vi.waitFor(() => expect(host.exits).toEqual([0]));
    expect(role.calls).toEqual(['drain', 'close']);
  });

  test('a second signal ends at once', async () => {
    const host = new FakeHost();
    const role = new FakeRole();
    role.drainWork = forever;
    await serve(host, role);
    host.signal('SIGINT');
    host.signal('SIGINT');
    expect(host.exits).toEqual([130]);
  });

  test('a signal while the role starts drains it once it has started', async () => {
    const host = new FakeHost();
    const role = new FakeRole();
    let started: (role: RunningRole) => void = () => undefined;
    const start = new Promise<RunningRole>((resolve) => {
      started = resolve;
    });
    const running = runProcess({ name: 'edis-test', settings, start: () => start }, host);
    host.signal('SIGTERM');
    expect(host.exits).toEqual([]);
    started(role);
    await running;
    await vi.waitFor(() => expect(host.exits).toEqual([0]));
    expect(role.calls).toEqual(['drain', 'close']);
  });

  test('with --exit-with-stdin a closed stdin drains with the whole cluster, and SIGINT is ignored', async () => {
    const host = new FakeHost('--exit-with-stdin');
    const role = await serve(host);
    host.signal('SIGINT');
    expect(role.calls).toEqual([]);
    host.closeStdin();
    await vi.waitFor(() => expect(host.exits).toEqual([0]));
    expect(role.calls).toEqual(['drain with the cluster', 'close']);
  });

  test('a role that cannot start is one line without a stack trace, and its documented exit code', async () => {
    const host = new FakeHost();
    const start = () => Promise.reject(new EdisError('port-in-use', 'port 7400 is in use;\nchoose another'));
    await runProcess({ name: 'edis-test', settings, start }, host);
    expect(host.error).toBe('edis-test: port 7400 is in use; choose another\n');
    expect(host.exits).toEqual([2]);
  });

  test('an uncaught error is one line and exit code 70', async () => {
    const host = new FakeHost();
    await serve(host);
    host.uncaught(new TypeError('x is not a function'));
    expect(host.error).toBe('edis-test: x is not a function\n');
    expect(host.exits).toEqual([70]);
  });

  test('a role that fails while it serves is closed and ends with the code of its error', async () => {
    const host = new FakeHost();
    const role = await serve(host);
    role.fail(new EdisError('disk', 'the disk is full'));
    await vi.waitFor(() => expect(host.exits).toEqual([74]));
    expect(role.calls).toEqual(['close']);
    expect(host.error).toBe('edis-test: the disk is full\n');
  });
});
