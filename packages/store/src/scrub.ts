import { clientPrefix } from './client-row.ts';
import { ContentHash } from './content-hash.ts';
import { damaged } from './damage.ts';
import { isRecordRow, recordPrefix } from './record-row.ts';
import { nextTurn } from './turnstile.ts';
import type { View } from './view.ts';
import type { ViewSnapshot } from './view-database.ts';
import type { ViewState } from './view-state.ts';

/** What a full scan of the records found, and the position that it is of. */
export interface Scrub {
  readonly position: number;
  readonly recordCount: number;
  readonly contentHash: string;
}

/** Small pages: each is checked in one turn of the event loop. */
const pageBytes = 128 * 1024;

/** Reads every record; EdisError 'damaged' when one fails its check, or the sums differ from those kept. */
export async function scrubView(view: View, state: ViewState, snapshot: ViewSnapshot): Promise<Scrub> {
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
  return { position: state.position, recordCount, contentHash };
}
