import { BeforeImages, imagesLost } from './before-images.ts';
import type { KeyList } from './key-list.ts';
import type { SnapshotAccess } from './level-view.ts';
import { viewClosed } from './level-view.ts';
import { Turnstile } from './turnstile.ts';
import type { DetachableLevel } from './view-moment.ts';
import { ViewMoment } from './view-moment.ts';

/**
 * Snapshots of a LevelDB view that LevelDB itself keeps for a short time only.
 *
 * LevelDB 1.20, the one in classic-level, loses the order of a row's versions when a compaction must keep several for
 * a snapshot: the end of a file may come between them, the newer goes a level down without the older (google/leveldb
 * issue 320), and a read finds the older. If the newer is a removal that is then dropped, the row is back for good.
 * Found by comparing every read with a model, while 250 MiB were overwritten beside a snapshot.
 *
 * Guarantees: none of LevelDB's snapshots that is older than a batch is still open when the next batch begins to be
 * written. As LevelDB moves its memory to files at the beginning of a write alone, no compaction ever meets a version
 * that a snapshot hides. Most readers end before that. From the second batch on, what a moment showed is kept as
 * images: each row, before its first change since the newest moment that is kept, once. An older moment looks through
 * its own images first, then through those of the later ones. Assumes: nothing but `write` writes the view.
 */
export class SnapshotKeeper {
  readonly #level: DetachableLevel;
  readonly #turnstile = new Turnstile();
  /** All that somebody reads, the oldest first. */
  readonly #moments = new Set<ViewMoment>();
  /** Images by their moments, the oldest first. */
  readonly #kept = new Map<ViewMoment, BeforeImages>();
  /** What opens now shares its snapshot. */
  #newest: ViewMoment | undefined;
  /** The keys of the batch that is being written. */
  #writing: KeyList | undefined;
  /** Snapshots that are being turned into images. */
  #detaching: ReadonlySet<ViewMoment> = new Set();
  /** Images that are being taken away. */
  readonly #closing = new Set<Promise<void>>();
  /** Images that are being joined to those before them. */
  #merging: Promise<void> | undefined;

  constructor(level: DetachableLevel) {
    this.#level = level;
  }

  open(): SnapshotAccess {
    if (this.#newest?.isRead !== true) {
      this.#newest = new ViewMoment({
        level: this.#level,
        writing: this.#writing,
        imagesFrom: (moment) => this.#imagesFrom(moment),
        onUnread: (moment) => this.#onUnread(moment),
      });
      this.#moments.add(this.#newest);
    }
    return this.#newest.open();
  }

  /** Writes a batch, one at a time. */
  write(keys: KeyList, write: () => Promise<void>): Promise<void> {
    return this.#turnstile.pass(async () => {
      this.#writing = keys;
      this.#newest = undefined;
      try {
        await this.#keep(keys);
        await write();
      } finally {
        this.#writing = undefined;
        this.#newest = undefined;
      }
    });
  }

  /** When the view is closed: ends all readers. */
  async close(): Promise<void> {
    for (const moment of this.#moments) moment.failure ??= viewClosed();
    await Promise.allSettled([...this.#moments].map((moment) => moment.detach()));
    this.#discardAll();
    await this.#merging;
    await Promise.all(this.#closing);
  }

  /** Never rejects: where images cannot be kept, their readers fail, and the view goes on. */
  async #keep(keys: KeyList): Promise<void> {
    const attached = [...this.#moments].filter(({ snapshot }) => snapshot !== undefined);
    const detaching = attached.filter(({ passed }) => passed !== undefined);
    for (const moment of attached) moment.passed ??= keys;
    this.#detaching = new Set(detaching);
    try {
      await this.#keepImages(keys, detaching);
    } catch (caught) {
      for (const moment of [...this.#kept.keys(), ...detaching]) moment.failure ??= imagesLost(caught);
      this.#discardAll();
    }
    await Promise.allSettled(detaching.map((moment) => moment.detach()));
    // Those that still have a reader say so themselves when they have none any more.
    const ended = detaching.filter(({ isRead }) => !isRead);
    this.#detaching = new Set();
    await Promise.all([...this.#moments].map((moment) => moment.settle()));
    for (const moment of ended) this.#moments.delete(moment);
    void Promise.all(this.#discardUnread());
  }

  async #keepImages(keys: KeyList, detaching: readonly ViewMoment[]): Promise<void> {
    const { level, space } = this.#level;
    for (const moment of detaching) {
      const { snapshot, passed } = moment;
      if (snapshot === undefined || passed === undefined || !moment.isRead) continue;
      const images = new BeforeImages(space);
      this.#kept.set(moment, images);
      await images.note(passed, (part) => level.getMany(part, { snapshot }));
    }
    const newest = [...this.#kept.values()].pop();
    await newest?.note(keys, (part) => level.getMany(part));
  }

  #imagesFrom(moment: ViewMoment): readonly BeforeImages[] {
    const index = [...this.#kept.keys()].indexOf(moment);
    if (index === -1) throw viewClosed();
    return [...this.#kept.values()].slice(index);
  }

  async #onUnread(moment: ViewMoment): Promise<void> {
    // Older readers look through the images of later moments: those alone that nobody older reads are in vain.
    for (const [kept, images] of this.#kept) {
      if (kept.isRead) break;
      images.stop();
    }
    if (this.#detaching.has(moment)) return;
    await moment.detach();
    // What it still reads counts until it ends.
    await moment.settle();
    this.#moments.delete(moment);
    await Promise.all(this.#discardUnread());
  }

  /** Images that nobody looks at any more go; those that older moments still need join the ones before them. */
  #discardUnread(): readonly Promise<void>[] {
    const discarded: Promise<void>[] = [];
    for (const [moment, images] of this.#kept) {
      if (moment.isRead || this.#detaching.has(moment)) break;
      this.#kept.delete(moment);
      discarded.push(this.#discard(images));
    }
    this.#merge();
    return discarded;
  }

  #discardAll(): void {
    for (const images of this.#kept.values()) void this.#discard(images);
    this.#kept.clear();
  }

  #discard(images: BeforeImages): Promise<void> {
    const closing = images.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }

  /**
   * A reader that lasts would keep the images of all that came and went after it. Batches are noted in the newest
   * images alone, so nobody else writes the ones before the newest.
   */
  #merge(): void {
    if (this.#merging !== undefined) return;
    const kept = [...this.#kept];
    const index = kept.findIndex(([moment], place) => place > 0 && place < kept.length - 1 && !moment.isRead);
    const [before, unread] = [kept[index - 1], kept[index]];
    if (before === undefined || unread === undefined) return;
    this.#merging = this.#mergeInto(before[1], ...unread).then((isDone) => {
      this.#merging = undefined;
      if (isDone) this.#merge();
    });
  }

  async #mergeInto(earlier: BeforeImages, moment: ViewMoment, later: BeforeImages): Promise<boolean> {
    if (!(await earlier.absorb(later)) || this.#kept.get(moment) !== later) return false;
    this.#kept.delete(moment);
    // Readers that are at it look at the later ones still.
    await Promise.all([...this.#moments].map((reading) => reading.settle()));
    await this.#discard(later);
    return true;
  }
}
