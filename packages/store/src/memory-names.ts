import type { MemoryContent } from './memory-content.ts';

/** A change of names that no sync has covered yet; a rename is one change, of two directories perhaps. */
interface NameChange {
  /** The name that goes. */
  gone: string | undefined;
  /** The name that comes. */
  come: string | undefined;
  readonly content: MemoryContent;
}

/**
 * The names on a `MemoryDisk`: those that there are, and those that outlive a power loss.
 *
 * Guarantees: a sync of a directory covers the changes in it that were made before it began. Of the others each may
 * outlive a power loss or not, whatever becomes of those before it: no file system promises an order between them. A
 * rename within a directory happens as a whole or not at all.
 */
export class MemoryNames {
  #live = new Map<string, MemoryContent>();
  #durable = new Map<string, MemoryContent>();
  #unsynced: NameChange[] = [];

  get(path: string): MemoryContent | undefined {
    return this.#live.get(path);
  }

  paths(): string[] {
    return [...this.#live.keys()].sort();
  }

  contents(): Iterable<MemoryContent> {
    return this.#live.values();
  }

  add(path: string, content: MemoryContent): void {
    this.#live.set(path, content);
    this.#unsynced.push({ gone: undefined, come: path, content });
  }

  rename(from: string, to: string, content: MemoryContent): void {
    this.#live.delete(from);
    this.#live.set(to, content);
    this.#unsynced.push({ gone: from, come: to, content });
  }

  /** A file, or all below a directory. */
  remove(path: string): void {
    for (const [known, content] of [...this.#live]) {
      if (known !== path && !known.startsWith(`${path}/`)) continue;
      this.#live.delete(known);
      this.#unsynced.push({ gone: known, come: undefined, content });
    }
  }

  /** Begins a sync of a directory; what it returns ends it. */
  beginSync(directory: string): () => void {
    const covered = new Set(this.#unsynced);
    return () => {
      for (const change of this.#unsynced) if (covered.has(change)) this.#sync(change, directory);
      this.#unsynced = this.#unsynced.filter(({ gone, come }) => gone !== undefined || come !== undefined);
    };
  }

  /** Makes durable what of a change lies in a directory. Another sync that runs may cover the rest of it. */
  #sync(change: NameChange, directory: string): void {
    const { gone, come, content } = change;
    const goes = gone !== undefined && directoryOf(gone) === directory;
    const comes = come !== undefined && directoryOf(come) === directory;
    this.#make({ gone: goes ? gone : undefined, come: comes ? come : undefined, content });
    if (goes) change.gone = undefined;
    if (comes) change.come = undefined;
  }

  #make({ gone, come, content }: NameChange): void {
    // It may have been given to another file since, by a change that was made safe before this one.
    if (gone !== undefined && this.#durable.get(gone) === content) this.#durable.delete(gone);
    if (come !== undefined) this.#durable.set(come, content);
  }

  /** Everything that there is is safe. */
  syncAll(): void {
    this.#durable = new Map(this.#live);
    this.#unsynced = [];
  }

  /**
   * Power fails: each unsynced change outlives it if `outlives` says so, and of each file what `survivor` makes of it
   * is left. The contents of names that had been synced are asked for first, and in order.
   */
  crash(outlives: () => boolean, survivor: (content: MemoryContent, named: boolean) => MemoryContent): void {
    const survivors = new Map<MemoryContent, MemoryContent>();
    for (const content of this.#durable.values()) survivors.set(content, survivor(content, true));
    for (const change of this.#unsynced) if (outlives()) this.#make(change);
    const left = new Map<string, MemoryContent>();
    for (const [path, content] of this.#durable) {
      const next = survivors.get(content) ?? survivor(content, false);
      survivors.set(content, next);
      left.set(path, next);
    }
    this.#durable = left;
    this.#live = new Map(left);
    this.#unsynced = [];
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
