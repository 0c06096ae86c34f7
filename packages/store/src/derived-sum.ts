import { ContentHash, laneOfBytes, laneOfChecksum } from './content-hash.ts';
import type { DerivedRows } from './derived-rows.ts';
import { derivationOfRow, keyPlaceOfRow } from './record-row.ts';
import { asBuffer } from './wire.ts';

/**
 * Compares the rows that follow from records with those that there are: two order-free sums, so that neither has to be
 * held, or come before the other.
 */
export class DerivedSum {
  readonly #derived: DerivedRows;
  readonly #expected = new ContentHash();
  readonly #found = new ContentHash();
  #missingCount = 0;

  constructor(derived: DerivedRows) {
    this.#derived = derived;
  }

  /** A record's row, whose check has been made. */
  addRecord(key: Uint8Array, value: Uint8Array): void {
    this.#derived.replace(keyPlaceOfRow(key), undefined, derivationOfRow(value), {
      put: (derivedKey, derivedValue) => {
        this.#missingCount++;
        addTo(this.#expected, derivedKey, derivedValue);
      },
      delete: () => {},
    });
  }

  /** A row of index or deadlines, whose check has been made. */
  addDerived(key: Uint8Array, value: Uint8Array): void {
    this.#missingCount--;
    addTo(this.#found, key, value);
  }

  /** Whether the rows there are those that follow from the records. */
  get agrees(): boolean {
    return this.#missingCount === 0 && this.#expected.toString() === this.#found.toString();
  }
}

function addTo(hash: ContentHash, key: Uint8Array, value: Uint8Array): void {
  const checksum = asBuffer(value).readUInt32LE(value.length - 4);
  hash.add(laneOfChecksum(checksum), laneOfBytes(key, 0, key.length, value.length));
}
