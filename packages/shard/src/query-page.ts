import type { QueryFooter, QueryRecord, RecordPage } from '@edis/core';
import { limits } from '@edis/core';
import type { ViewRecord } from '@edis/store';

/** What a record costs in a page beside its texts: numbers, lengths, tags. */
const recordOverheadBytes = 32;

/** Bytes of a record on the wire, roughly: a character of metadata that is not ASCII has more. */
export function sizeOfRecord(record: ViewRecord): number {
  let bytes = recordOverheadBytes + record.key.length + record.value.length;
  const { metadata } = record;
  for (const field in metadata) bytes += field.length + (metadata[field]?.length ?? 0);
  return bytes;
}

/** A page in the making. It ends at its number of records or at about `maxBatchBytes`; one record always fits. */
export class PageBuilder {
  readonly #maxRecords: number;
  readonly #keysOnly: boolean;
  readonly #records: QueryRecord[] = [];
  readonly #places: string[] = [];
  #bytes = 0;

  constructor(maxRecords: number, keysOnly: boolean) {
    this.#maxRecords = maxRecords;
    this.#keysOnly = keysOnly;
  }

  /** How many records it still takes, if they are small. */
  get room(): number {
    return this.#maxRecords - this.#records.length;
  }

  /** False: it does not fit; the page ends before it. @param place undefined: the order is by key alone */
  add(record: ViewRecord, place: string | undefined): boolean {
    const { key, version, expiresAtMs } = record;
    const added = this.#keysOnly ? { key, value: '', metadata: undefined, version, expiresAtMs } : record;
    const bytes = sizeOfRecord(added) + (place?.length ?? 0);
    if (this.#records.length > 0 && (this.room <= 0 || this.#bytes + bytes > limits.maxBatchBytes)) return false;
    this.#bytes += bytes;
    this.#records.push(added);
    if (place !== undefined) this.#places.push(place);
    return true;
  }

  finish(more: boolean, footer: QueryFooter): RecordPage {
    return { kind: 'records', records: this.#records, more, places: this.#places, footer };
  }
}
