import { describe, expect, it } from 'vitest';
import type { Breach } from './log-observer.ts';
import { LogObserver } from './log-observer.ts';
import { entryOf, putOf } from './store-fakes.ts';
import { openOf, openStores } from './store-fixture.ts';

function watch(): { observer: LogObserver; rules: () => string[] } {
  const breaches: Breach[] = [];
  const observer = new LogObserver((breach) => breaches.push(breach));
  return { observer, rules: () => breaches.map(({ rule }) => rule) };
}

describe('what is watched of the logs', () => {
  it('finds nothing where one writes and the other takes over what was written', async () => {
    const [first, second] = await openStores(['m1', 'm2']);
    const { observer, rules } = watch();
    if (first === undefined || second === undefined) throw new Error('no stores');
    observer.observe(first, 'm1', 1);
    observer.observe(second, 'm2', 1);
    const { body, checksum } = first.append(entryOf(1, [openOf(), putOf('a', '1')]));
    second.appendEncoded(1, [body], [checksum]);
    second.append(entryOf(2, [openOf()], { epoch: 2 }));
    second.append(entryOf(3, [putOf('a', '2')], { epoch: 2 }));
    expect([rules(), observer.epochCount, observer.entryCount]).toEqual([[], 2, 3]);
  });

  it('knows what was discarded when an epoch began, whoever may bring it back', async () => {
    const [first, second] = await openStores(['m1', 'm2']);
    const { observer } = watch();
    if (first === undefined || second === undefined) throw new Error('no stores');
    observer.observe(first, 'm1', 1);
    observer.observe(second, 'm2', 1);
    const { body, checksum } = first.append(entryOf(1, [openOf(), putOf('a', '1')]));
    second.appendEncoded(1, [body], [checksum]);
    first.append(entryOf(2, [putOf('a', '2')]));
    second.append(entryOf(2, [openOf(), putOf('a', '3')], { epoch: 2 }));
    const values = (epoch: number) => observer.discardedBefore(epoch).writes.map(({ value }) => value);
    expect([values(2), values(3), values(0)]).toEqual([[], ['2'], []]);
  });

  it('finds two who write in one epoch, and what they wrote differently', async () => {
    const [first, second] = await openStores(['m1', 'm2']);
    const { observer, rules } = watch();
    if (first === undefined || second === undefined) throw new Error('no stores');
    observer.observe(first, 'm1', 1);
    observer.observe(second, 'm2', 1);
    first.append(entryOf(1, [openOf(), putOf('a', '1')]));
    second.append(entryOf(1, [openOf(), putOf('a', '2')]));
    expect(rules()).toEqual(['one writer per epoch', 'logs are prefixes']);
  });

  it('finds a primary that goes on in its epoch after a restart', async () => {
    const [first] = await openStores(['m1']);
    const { observer, rules } = watch();
    if (first === undefined) throw new Error('no store');
    observer.observe(first, 'm1', 1);
    first.append(entryOf(1, [openOf(), putOf('a', '1')]));
    observer.observe(first, 'm1', 2);
    first.append(entryOf(2, [putOf('a', '2')]));
    expect(rules()).toContain('one writer per epoch');
  });

  it('finds an epoch that nobody opened, in the log of who writes it and of who takes it over', async () => {
    const [first, second] = await openStores(['m1', 'm2']);
    const { observer, rules } = watch();
    if (first === undefined || second === undefined) throw new Error('no stores');
    observer.observe(first, 'm1', 1);
    observer.observe(second, 'm2', 1);
    const opened = first.append(entryOf(1, [openOf()]));
    expect(rules()).toEqual([]);
    const unopened = first.append(entryOf(2, [putOf('a', '1')], { epoch: 2 }));
    expect(rules()).toEqual(['epochs are opened']);
    second.appendEncoded(1, [opened.body, unopened.body], [opened.checksum, unopened.checksum]);
    expect(rules()).toEqual(['epochs are opened', 'epochs are opened']);
  });
});
