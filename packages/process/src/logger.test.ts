import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { createPrettyLogger } from './pretty-logger.ts';

function lines(create: typeof createLogger): string[] {
  const written: string[] = [];
  const destination = { write: (line: string) => written.push(line) };
  const logger = create({ name: 'edis-test', level: 'info', destination });
  logger.debug({ event: 'hidden' }, 'hidden');
  logger.info({ event: 'ready', address: 'localhost:7400' }, 'ready');
  return written;
}

test('a line is one JSON object with its event, the name of the binary and an ISO time', () => {
  const written = lines(createLogger);
  expect(written).toHaveLength(1);
  const line: unknown = JSON.parse(written[0] ?? '');
  expect(line).toMatchObject({ name: 'edis-test', event: 'ready', address: 'localhost:7400', pid: process.pid });
  expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT/));
});

test('for people a line is text', () => {
  const text = lines(createPrettyLogger).join('');
  expect(text).toContain('ready');
  expect(text).not.toMatch(/^\{/);
});
