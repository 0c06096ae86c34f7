import { afterEach, expect, test, vi } from 'vitest';
import { OptionValues } from '../option.ts';
import { resolveSettings } from '../settings.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { showProgress } from './progress.ts';

afterEach(() => void vi.useRealTimers());

const settings = await resolveSettings(new OptionValues(new Map()), {});

test('on a terminal, a bar shows how much is done', async () => {
  const terminal = new FakeTerminal();
  const progress = showProgress(terminal, 200, { settings, environment: {} });
  progress.update(100, 7);
  progress.end();
  await expect.poll(() => terminal.text).toContain('50 %  7 records');
  expect(terminal.text).toContain('█');
});

test('how long it takes is said once it is known', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const terminal = new FakeTerminal();
  const progress = showProgress(terminal, 200, { settings, environment: {} });
  await expect.poll(() => terminal.text).toContain('0 %  0 records');
  expect(terminal.text).not.toContain('left');
  vi.setSystemTime(Date.now() + 30_000);
  progress.update(100, 7);
  progress.end();
  await expect.poll(() => terminal.text).toContain('7 records  30s left');
});

test('without a total, it counts', async () => {
  const terminal = new FakeTerminal();
  const progress = showProgress(terminal, undefined, { settings, environment: {} });
  progress.update(100, 7);
  progress.end();
  await expect.poll(() => terminal.text).toContain('7 records');
  expect(terminal.text).not.toContain('%');
});

test.each([
  ['with --json', { settings: { ...settings, json: true }, environment: {} }, true],
  ['on a dumb terminal', { settings, environment: { TERM: 'dumb' } }, true],
  ['without a terminal', { settings, environment: {} }, false],
])('%s, nothing is shown', (_, context, isTTY) => {
  const terminal = Object.assign(new FakeTerminal(), { isTTY });
  const progress = showProgress(terminal, 200, context);
  progress.update(100, 7);
  progress.end();
  expect(terminal.text).toBe('');
});
