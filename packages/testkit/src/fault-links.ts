import { type Direction, FaultProxy } from './fault-proxy.ts';

/** What one sends to another one, whoever of them dialled. */
interface Way {
  blocks: number;
  clogs: number;
  addedMs: number;
}

/**
 * Every connection between named processes goes through a proxy of its own pair: who dials, and who is dialled. Faults
 * are told by who sends and who receives, as in the simulation; they add up, and each ends by itself.
 *
 * A pair that nobody dials has no proxy; a fault between those two is none.
 */
export class FaultLinks {
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #ways = new Map<string, Way>();

  private constructor() {}

  /** @param pairs who dials whom */
  static async start(pairs: readonly (readonly [from: string, to: string])[]): Promise<FaultLinks> {
    const links = new FaultLinks();
    for (const [from, to] of pairs) links.#proxies.set(pairKey(from, to), await FaultProxy.start());
    return links;
  }

  /** Where one dials another. */
  address(from: string, to: string): string {
    return this.proxy(from, to).address;
  }

  proxy(from: string, to: string): FaultProxy {
    const found = this.#proxies.get(pairKey(from, to));
    if (found === undefined) throw new Error(`${from} does not dial ${to}`);
    return found;
  }

  /** Where a process is really reached. */
  setTarget(to: string, address: string): void {
    for (const [pair, proxy] of this.#proxies) if (pair.endsWith(pairKey('', to))) proxy.setTarget(address);
  }

  /** What `from` sends is lost until it is unblocked. */
  block(from: string, to: string, isBlocked = true): void {
    this.#change(from, to, { blocks: isBlocked ? 1 : -1 });
  }

  /** What `from` sends stays where it is, and comes late. */
  clog(from: string, to: string, isClogged = true): void {
    this.#change(from, to, { clogs: isClogged ? 1 : -1 });
  }

  delay(from: string, to: string, addedMs: number): void {
    this.#change(from, to, { addedMs });
  }

  /** Both ways between each of `some` and each of `others`. */
  part(some: readonly string[], others: readonly string[], areParted = true): void {
    for (const one of some) {
      for (const other of others) {
        this.block(one, other, areParted);
        this.block(other, one, areParted);
      }
    }
  }

  reset(first: string, second: string): void {
    this.#proxies.get(pairKey(first, second))?.reset();
    this.#proxies.get(pairKey(second, first))?.reset();
  }

  /** Connections between them break, and only one of them is told. */
  halfOpen(told: string, untold: string): void {
    this.#proxies.get(pairKey(told, untold))?.halfOpen('client');
    this.#proxies.get(pairKey(untold, told))?.halfOpen('server');
  }

  heal(): void {
    this.#ways.clear();
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }

  #change(from: string, to: string, change: Partial<Way>): void {
    const { blocks, clogs, addedMs } = this.#ways.get(pairKey(from, to)) ?? { blocks: 0, clogs: 0, addedMs: 0 };
    const way = {
      blocks: blocks + (change.blocks ?? 0),
      clogs: clogs + (change.clogs ?? 0),
      addedMs: addedMs + (change.addedMs ?? 0),
    };
    this.#ways.set(pairKey(from, to), way);
    this.#impair(this.#proxies.get(pairKey(from, to)), 'requests', way);
    this.#impair(this.#proxies.get(pairKey(to, from)), 'replies', way);
  }

  #impair(proxy: FaultProxy | undefined, direction: Direction, { blocks, clogs, addedMs }: Way): void {
    proxy?.impair(direction, { dropped: blocks > 0, held: clogs > 0, delayMs: addedMs });
  }
}

function pairKey(from: string, to: string): string {
  return `${from} → ${to}`;
}
