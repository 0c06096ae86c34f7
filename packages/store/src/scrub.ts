import type { Applier } from './applier.ts';
import { clientPrefix } from './client-row.ts';
import { ContentHash } from './content-hash.ts';
import { damaged } from './damage.ts';
import { checkDerivedRow, DerivedRows } from './derived-rows.ts';
import { DerivedSum } from './derived-sum.ts';
import { indexPrefix } from './index-row.ts';
import { keyspacePrefix } from './keyspace-row.ts';
import { isRecordRow, recordPrefix } from './record-row.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import { nextTurn } from './turnstile.ts';

/** What a full scan of the records found, and the position that it is of. */
export interface Scrub {
  readonly position: number;
  readonly recordCount: number;
  readonly contentHash: string;
}

/** Small pages: each is checked in one turn of the event loop. */
const pageBytes = 128 * 1024;

/**
 * Reads every record, and every row that follows from one; EdisError 'damaged' when one fails its check, is missing or
 * too many, or the sums differ from those kept.
 */
export async function scrubView(
  applier: Applier,
  keyspacesNow: () => ReadonlyMap<number, StoredKeyspace>,
): Promise<Scrub> {
  const { view, state, snapshot, keyspaces } = await applier.exclusive(async () => {
    const { view, state } = applier;
    return { view, state, snapshot: view.snapshot(), keyspaces: keyspacesNow() };
  });
  const derived = new DerivedSum(new DerivedRows(() => keyspaces));
  const hash = new ContentHash();
  let recordCount = 0;
  try {
    const pages = snapshot.pages(Buffer.of(recordPrefix), Buffer.of(clientPrefix), pageBytes);
    for await (const page of pages) {
      for (const { key, value } of page) {
        if (!isRecordRow(key)) continue;
        const record = view.rows.digest(key, value);
        hash.add(record.highLane, record.lowLane);
        recordCount++;
        if (record.derives) derived.addRecord(key, value);
      }
      await nextTurn();
    }
    for await (const page of snapshot.pages(Buffer.of(indexPrefix), Buffer.of(keyspacePrefix), pageBytes)) {
      for (const { key, value } of page) {
        if (!checkDerivedRow(key, value)) throw damaged(`a row of an index in ${view.path} fails its check`);
        derived.addDerived(key, value);
      }
      await nextTurn();
    }
  } finally {
    await snapshot.close();
  }
  const contentHash = hash.toString();
  if (recordCount !== state.recordCount || contentHash !== state.contentHash) {
    throw damaged(
      `the view in ${view.path} has ${recordCount} records with content hash ${contentHash} ` +
        `at entry ${state.position}, it should have ${state.recordCount} with ${state.contentHash}`,
    );
  }
  if (!derived.agrees) throw damaged(`the indexes in ${view.path} are not those of its records`);
  return { position: state.position, recordCount, contentHash };
}
