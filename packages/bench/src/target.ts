import type { Durability } from './work.ts';

/** A store under load, in the fewest calls that the comparison needs. */
export interface Target {
  put(key: string, value: string, durability: Durability): Promise<unknown>;
  /** Whether the key was there. */
  get(key: string, durability: Durability): Promise<boolean>;
  /** Loads go to each place that later loops read or write. */
  load(key: string, value: string): Promise<unknown>;
  /** Waits until background work that the load left behind is over, so that it does not disturb what comes next. */
  settle(): Promise<void>;
  close(): Promise<void>;
}
