import { defaultKeyspaceSettings } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { indexedNumberOf, indexPrefix, orderedNumber } from './index-row.ts';
import type { Store } from './store.ts';
import { deleteOf, entryOf, FakeWorld, keyspaceOf, putOf } from './testing.ts';
import type { ViewReader } from './view-reader.ts';

async function keysOf(reader: ViewReader): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of reader.records(1, '', '')) keys.push(...page.map((record) => record.key));
  return keys;
}

async function emailsOf(reader: ViewReader): Promise<string[]> {
  const found: string[] = [];
  for await (const page of reader.index(1, 'email', {})) found.push(...page.map((entry) => entry.value));
  return found;
}

function fill(store: Store, count: number): void {
  const operations = Array.from({ length: count }, (_, index) =>
    putOf(`key-${String(index).padStart(5, '0')}`, 'x'.repeat(20), { metadata: { email: `e${index}@x` } }),
  );
  store.append(entryOf(store.lastEntry.position + 1, operations));
  store.setVisible(store.lastEntry.position);
}

describe('a reader of the view', () => {
  test('waits for its position, and shows one moment whatever is written meanwhile', async () => {
    const store = await new FakeWorld().open();
    const opening = store.openView(1);
    fill(store, 3000);
    const reader = await opening;
    expect(reader.position).toEqual({ epoch: 1, position: 1 });
    expect(reader.timestamp).toBe(store.lastTimestamp);
    const pages: number[] = [];
    for await (const page of reader.records(1, '', '')) {
      pages.push(page.length);
      if (pages.length === 1) {
        store.append(entryOf(2, [deleteOf('key-02999'), putOf('key-1', 'new')]));
        store.setVisible(2);
        await store.flush();
      }
    }
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.reduce((sum, count) => sum + count, 0)).toBe(3000);
    expect(await emailsOf(reader)).toHaveLength(3000);
    await reader.close();
    const later = await store.openView(2);
    expect(await keysOf(later)).toHaveLength(3000);
    expect(await emailsOf(later)).toHaveLength(2999);
    await later.close();
    await store.close();
  });

  test('that waits for what is then cut off the log shows what is visible without it', async () => {
    const store = await new FakeWorld().open();
    for (let position = 1; position <= 3; position += 1) store.append(entryOf(position, [putOf(`k${position}`, '')]));
    store.setVisible(1);
    let waiting: ViewReader | undefined;
    const opening = store.openView(3).then((reader) => {
      waiting = reader;
    });
    const other = store.openView(2);
    await store.truncateAfter(2);
    await expect.poll(() => waiting?.position.position, { message: 'the view did not open' }).toBe(1);
    await opening;
    await waiting?.close();
    // What is left may become visible still.
    store.setVisible(2);
    const reader = await other;
    expect(reader.position.position).toBe(2);
    await reader.close();
    await store.close();
  });

  test.each([0, 1, 32, 33, 64, 100, 500])(
    'gives %d records in the order in which they were asked for',
    async (count) => {
      const store = await new FakeWorld().open();
      fill(store, 300);
      const reader = await store.openView(1);
      const keys = Array.from({ length: count }, (_, index) => `key-${String((index * 37) % 400).padStart(5, '0')}`);
      const expected = keys.map((key) => (key < 'key-00300' ? key : undefined));
      expect((await reader.getRecords(1, keys)).map((record) => record?.key)).toEqual(expected);
      await reader.close();
      await store.close();
    },
  );

  test('a large value ends its page', async () => {
    const store = await new FakeWorld().open();
    const operations = ['a', 'b', 'c'].map((key) => putOf(key, '', { value: new Uint8Array(1_500_000) }));
    store.append(entryOf(1, operations));
    store.setVisible(1);
    const reader = await store.openView(1);
    const pages: number[] = [];
    for await (const page of reader.records(1, '', '')) pages.push(page.length);
    expect(pages).toEqual([1, 1, 1]);
    await reader.close();
    await store.close();
  });

  test('a damaged row of an index is an error, for a reader as for a scrub', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    fill(store, 3);
    await store.flush();
    await store.close();
    const view = await world.views.open('data/view');
    const snapshot = view.snapshot();
    const batch = view.batch();
    for await (const page of snapshot.pages(Buffer.of(indexPrefix), Buffer.of(indexPrefix + 1), 1000)) {
      for (const { key } of page.slice(1, 2)) batch.put(key, new Uint8Array(4));
    }
    await snapshot.close();
    await batch.write(true);
    await world.kill();
    const again = await world.open();
    const reader = await again.openView(1);
    await expect(emailsOf(reader)).rejects.toMatchObject({ code: 'damaged' });
    expect(await keysOf(reader)).toHaveLength(3);
    await expect(again.scrub()).rejects.toMatchObject({ code: 'damaged' });
    await reader.close();
    await again.close();
  });

  test('is told to come back when a snapshot has taken over beneath it', async () => {
    const source = await new FakeWorld().open();
    fill(source, 10);
    const target = await new FakeWorld().open();
    fill(target, 5000);
    const reader = await target.openView(1);
    const snapshot = await source.openSnapshot();
    const install = await target.beginInstall(snapshot.start);
    for await (const { keys, values } of snapshot.pages()) await install.addPage(keys, values);
    await install.finish();
    await expect(keysOf(reader)).rejects.toMatchObject({ code: 'busy' });
    await reader.close();
    const after = await target.openView(1);
    expect(await keysOf(after)).toHaveLength(10);
    await after.close();
    await snapshot.close();
    await source.close();
    await target.close();
  });
});

describe('the keyspaces of a store', () => {
  test('go back when the log is cut', async () => {
    const store = await new FakeWorld().open();
    const folded: number[] = [];
    store.onFolded((position) => folded.push(position));
    store.append(entryOf(1, [keyspaceOf(2, 'users', defaultKeyspaceSettings)]));
    store.setVisible(1);
    await store.flush();
    expect(folded).toContain(1);
    store.append(entryOf(2, [putOf('', '', { kind: 'drop', keyspace: 2, slot: 0 })]));
    store.append(entryOf(3, [keyspaceOf(3, 'orders', defaultKeyspaceSettings)]));
    expect([...store.keyspaces.values()].map(({ name, dropped }) => [name, dropped])).toEqual([
      ['default', false],
      ['users', true],
      ['orders', false],
    ]);
    await store.truncateAfter(1);
    expect([...store.keyspaces.values()].map(({ name, dropped }) => [name, dropped])).toEqual([
      ['default', false],
      ['users', false],
    ]);
    await store.close();
  });
});

test('numbers are ordered as numbers, and what is none is not indexed', () => {
  const texts = ['-1e300', '-12.5', '-3', '-0.1', '0', '1e-300', '.5', '5', '1e3', '12345678901234567890'];
  const rows = texts.map((text) => orderedNumber(indexedNumberOf(text) ?? Number.NaN));
  expect([...rows].sort((a, b) => a.compare(b))).toEqual(rows);
  expect(orderedNumber(-0)).toEqual(orderedNumber(0));
  for (const text of ['', ' 5', '0x10', 'NaN', 'Infinity', '1e999', '1_000', '5 ']) {
    expect(indexedNumberOf(text)).toBeUndefined();
  }
});
