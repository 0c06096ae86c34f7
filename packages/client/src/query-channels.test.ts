import { EdisError } from '@edis/core';
import { expect, it } from 'vitest';
import { failureOf } from './client-fixture.ts';
import { type Environment, systemEnvironment } from './environment.ts';
import { QueryChannels } from './query-channels.ts';

function channelsWithTimers(): {
  readonly channels: QueryChannels;
  readonly log: string[];
  readonly timers: Set<() => void>;
} {
  const log: string[] = [];
  const timers = new Set<() => void>();
  const environment: Environment = {
    ...systemEnvironment,
    after: (_, task) => {
      timers.add(task);
      return () => timers.delete(task);
    },
  };
  const unused = (): never => {
    throw new EdisError('internal', 'not asked for');
  };
  const channel = (address: string) => {
    log.push(`open ${address}`);
    const close = (): void => void log.push(`close ${address}`);
    return { scan: unused, search: unused, aggregate: unused, stats: unused, close };
  };
  return { channels: new QueryChannels({ channel }, environment), log, timers };
}

it('a connection is kept while it is used, and closed when nobody has used it for a while', async () => {
  const { channels, log, timers } = channelsWithTimers();
  let finish = (): void => {};
  const long = channels.use('a:1', () => new Promise<void>((resolve) => (finish = resolve)));
  await channels.use('a:1', async () => 'answer');
  expect(timers.size).toBe(0);
  finish();
  await long;
  expect(timers.size).toBe(1);
  await channels.use('a:1', async () => 'answer');
  expect(log).toEqual(['open a:1']);
  for (const task of [...timers]) task();
  expect(log).toEqual(['open a:1', 'close a:1']);
  await channels.use('a:1', async () => 'answer');
  expect(log).toEqual(['open a:1', 'close a:1', 'open a:1']);
});

it('closing ends all connections and their timers, and refuses what comes later', async () => {
  const { channels, log, timers } = channelsWithTimers();
  await channels.use('a:1', async () => 'answer');
  channels.close();
  channels.close();
  expect(log).toEqual(['open a:1', 'close a:1']);
  expect(timers.size).toBe(0);
  expect((await failureOf(channels.use('a:1', async () => 'answer'))).code).toBe('closed');
});

it('a node that failed is passed over until it has answered again', async () => {
  const { channels } = channelsWithTimers();
  expect(channels.isWell('a:1')).toBe(true);
  channels.setUnwell('a:1');
  expect(channels.isWell('a:1')).toBe(false);
  await channels.use('a:1', async () => 'answer');
  expect(channels.isWell('a:1')).toBe(true);
});
