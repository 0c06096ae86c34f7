import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Loss, parseReceipt } from '@edis/checker';

/** Reads what the members of a cluster wrote down before they discarded it; each receipt once. */
export class Receipts {
  readonly #directory: string;
  readonly #seen = new Set<string>();
  #writes = 0;

  /** @param directory that of the cluster, with one of each node's below it */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Files so far. */
  get count(): number {
    return this.#seen.size;
  }

  /** Writes in them. */
  get writes(): number {
    return this.#writes;
  }

  /**
   * Receipts that were not there before.
   *
   * @param fromMs when this was called last: what is discarded was discarded after it
   */
  async take(nodes: readonly string[], fromMs: number, nowMs: number): Promise<Loss[]> {
    const losses: Loss[] = [];
    for (const node of nodes) {
      const directory = join(this.#directory, node, 'receipts');
      const names = await readdir(directory).catch(() => []);
      for (const path of names.map((name) => join(directory, name))) {
        if (this.#seen.has(path)) continue;
        this.#seen.add(path);
        const writes = parseReceipt(await readFile(path, 'utf8'));
        this.#writes += writes.length;
        losses.push({ writes, fromMs, toMs: nowMs });
      }
    }
    return losses;
  }
}
