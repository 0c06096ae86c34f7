import { expect, test } from 'vitest';
import { clientPrefix, decodeClientRow } from './client-row.ts';
import { entryOf, FakeWorld, putOf } from './testing.ts';

const client = '0123456789abcdef';

/** The rows of operation ids that the view of a closed store has. */
async function clientRows(world: FakeWorld): Promise<unknown[]> {
  const view = await world.views.open('data/view');
  const snapshot = view.snapshot();
  const rows: unknown[] = [];
  for await (const page of snapshot.pages(Buffer.of(clientPrefix), Buffer.of(clientPrefix + 1), 1_000_000)) {
    for (const { key, value } of page) rows.push(decodeClientRow(key, value));
  }
  await snapshot.close();
  await view.close();
  return rows;
}

test('1000 writes of one client leave one row of operation ids, with those alone that it may repeat', async () => {
  const world = new FakeWorld();
  const store = await world.open();
  for (let sequence = 1; sequence <= 1000; sequence += 1) {
    const operations = [putOf(`k${sequence}`, 'v', { client, sequence })];
    const completed = new Map([[client, sequence]]);
    store.append(entryOf(sequence, operations, { timestamp: store.lastTimestamp + 1000, completed }));
    store.setVisible(sequence);
    if (sequence % 100 === 0) await store.flush();
  }
  await store.close();
  expect(await clientRows(world)).toMatchObject([
    { client, completedBelow: 1000, operations: [{ sequence: 1000, position: 1000 }] },
  ]);
});
