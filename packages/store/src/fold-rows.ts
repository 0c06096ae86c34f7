import type { Derivation, DerivedRows } from './derived-rows.ts';
import type { DigestTable } from './digest-table.ts';
import type { HeldWrite } from './held-write.ts';
import type { LoggedRecord } from './logged-record.ts';
import type { Overlay } from './overlay.ts';
import type { RecordCache } from './record-cache.ts';
import type { Digest } from './record-row.ts';
import { derivationOfRow } from './record-row.ts';
import type { RecordKey } from './stored-record.ts';
import { keyOf } from './stored-record.ts';
import { nextTurn } from './turnstile.ts';
import type { FoundDigest, View } from './view.ts';
import type { ViewBatch } from './view-database.ts';
import type { ViewSums } from './view-sums.ts';

/**
 * Builds the rows of one batch of the view: those of the records, and those that follow from them.
 *
 * Each write must know what it replaces. For the sums a digest is enough; for the rows of index and expiry it takes
 * the old metadata and deadline, which are looked for only when the digest says that there were any: in the cache,
 * then in the view, one turn behind, so that nobody waits for the disk. The view stands still meanwhile, and each key
 * is written once in a batch, so what is read of it late is still what is replaced.
 */
interface FoldSources {
  readonly overlay: Overlay;
  readonly cache: RecordCache;
  readonly digests: DigestTable;
  readonly derived: DerivedRows;
}

/** Turns whose old records are fetched ahead: keeps one thread of the pool busy. */
const turnsAhead = 3;

interface Turn {
  /** Numbers of the overlay's writes. */
  readonly writes: readonly number[];
  readonly previous: Promise<(Previous | undefined)[]>;
}

/** What a write replaces. */
interface Previous extends Digest {
  readonly before?: Derivation | undefined;
}

/** Writes whose old metadata and deadlines are on their way. */
interface Late {
  readonly writes: readonly number[];
  readonly rows: Promise<(Uint8Array | undefined)[]>;
}

export class FoldRows {
  /** By turn and place in it: where the cache holds the record that a write replaces, as far as that was looked for. */
  readonly replaced: (HeldWrite | undefined)[][] = [];
  readonly #sources: FoldSources;
  readonly #view: View;
  readonly #batch: ViewBatch;
  readonly #sums: ViewSums;

  constructor(sources: FoldSources, view: View, batch: ViewBatch, sums: ViewSums) {
    this.#sources = sources;
    this.#view = view;
    this.#batch = batch;
    this.#sums = sums;
  }

  async build(turns: readonly (readonly number[])[]): Promise<void> {
    const ahead: Turn[] = [];
    let next = 0;
    const fetch = (): void => {
      const writes = turns[next++];
      if (writes === undefined) return;
      const previous = this.#fetchPrevious(writes);
      // It may fail before its turn has come to await it; the failure is met there.
      previous.catch(() => {});
      ahead.push({ writes, previous });
    };
    for (let count = 0; count < turnsAhead; count++) fetch();
    let late: Late | undefined;
    try {
      for (let turn = ahead.shift(); turn !== undefined; turn = ahead.shift()) {
        const previous = await turn.previous;
        fetch();
        const following = this.#buildTurn(turn.writes, previous);
        if (late !== undefined) this.#buildLate(late.writes, await late.rows);
        late = following;
        await nextTurn();
      }
      if (late !== undefined) this.#buildLate(late.writes, await late.rows);
    } finally {
      await Promise.allSettled([late?.rows, ...ahead.map((turn) => turn.previous)]);
    }
  }

  /** The records that these writes replace, as far as neither the digests nor the cache know them. */
  async #fetchPrevious(writes: readonly number[]): Promise<(Previous | undefined)[]> {
    const { cache, digests, overlay } = this.#sources;
    const previous: (Previous | undefined)[] = [];
    if (digests.complete) return previous;
    const missing: number[] = [];
    const keyRows: Buffer[] = [];
    for (let index = 0; index < writes.length; index++) {
      const write = writes[index];
      if (write === undefined) continue;
      const record = overlay.read(write);
      const recordKey = record.recordKey();
      if (digests.find(recordKey)) {
        // Copied: it may leave the table before its turn comes.
        previous[index] = digestOf(digests);
        continue;
      }
      const { rows } = this.#view;
      const cached = cache.peek(recordKey);
      const { keyspace } = record;
      const key = keyOf(keyspace, recordKey);
      if (cached === undefined) {
        missing.push(index);
        keyRows.push(rows.keyOf(keyspace, key));
      } else {
        rows.encode(keyspace, key, cached, ignoreRow);
        previous[index] = digestOf(rows);
      }
    }
    if (keyRows.length === 0) return previous;
    const found: (FoundDigest | undefined)[] = await this.#view.digests(keyRows);
    for (let index = 0; index < missing.length; index++) previous[missing[index] ?? 0] = found[index];
    return previous;
  }

  /** Returns what must be read before the rest of its rows can be built. */
  #buildTurn(writes: readonly number[], previous: readonly (Previous | undefined)[]): Late | undefined {
    const { rows } = this.#view;
    const { cache, digests, overlay } = this.#sources;
    const { complete } = digests;
    const batch = this.#batch;
    const take = (key: Buffer, value: Buffer): void => batch.put(key, value);
    const replaced: (HeldWrite | undefined)[] = [];
    this.replaced.push(replaced);
    const late: number[] = [];
    const lateKeys: Buffer[] = [];
    for (let index = 0; index < writes.length; index++) {
      const write = writes[index];
      if (write === undefined) continue;
      const record = overlay.read(write);
      const recordKey = record.recordKey();
      const { keyspace } = record;
      const old: Previous | undefined = complete ? (digests.find(recordKey) ? digests : undefined) : previous[index];
      if (old !== undefined) this.#sums.subtract(keyspace, old);
      const removes = overlay.isRemoval(write);
      if (record.derives || old?.derives === true) {
        let before = old?.derives === true ? old.before : undefined;
        if (old?.derives === true && before === undefined) {
          before = cache.peekDerivation(recordKey);
          replaced[index] = cache.heldWrite;
        }
        if (old?.derives === true && before === undefined) {
          late.push(write);
          lateKeys.push(rows.keyOf(keyspace, keyOf(keyspace, recordKey)));
        } else {
          this.#replaceDerived(record, before, removes);
        }
      }
      if (removes) {
        if (old !== undefined) batch.delete(rows.scratchKeyOf(keyspace, keyOf(keyspace, recordKey)));
        digests.delete(recordKey);
        continue;
      }
      rows.encodeLogged(record, take);
      digests.set(recordKey, rows);
      this.#sums.add(keyspace, rows);
    }
    if (late.length === 0) return undefined;
    const found = this.#view.getMany(lateKeys);
    // It may fail before anybody awaits it; the failure is met then.
    found.catch(() => {});
    return { writes: late, rows: found };
  }

  #buildLate(writes: readonly number[], rows: readonly (Uint8Array | undefined)[]): void {
    const { overlay } = this.#sources;
    for (let index = 0; index < writes.length; index++) {
      const write = writes[index];
      const row = rows[index];
      if (write === undefined) continue;
      const record = overlay.read(write);
      const before = row === undefined ? undefined : this.#checked(record, record.recordKey(), row);
      this.#replaceDerived(record, before, overlay.isRemoval(write));
    }
  }

  #checked(record: LoggedRecord, recordKey: RecordKey, row: Uint8Array): Derivation {
    const { rows } = this.#view;
    rows.digest(rows.keyOf(record.keyspace, keyOf(record.keyspace, recordKey)), row);
    return derivationOfRow(row);
  }

  #replaceDerived(record: LoggedRecord, before: Derivation | undefined, removes: boolean): void {
    const after = removes ? undefined : record.derivation();
    this.#sources.derived.replace(record.keyPlace(), before, after, this.#batch);
  }
}

function digestOf({ size, highLane, lowLane, derives }: Digest): Digest {
  return { size, highLane, lowLane, derives };
}

/** For a record of which only the digest is wanted. */
function ignoreRow(): void {}
