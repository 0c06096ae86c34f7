import type { Logger } from '@edis/process';
import { createLogger } from '@edis/process';

/**
 * What a node says while it runs. Its log is where info, write shards and read shards all tell alike where they
 * listen and when they serve, so it is read here as a launcher of processes reads it; nothing is printed.
 */
export class NodeLog {
  readonly logger: Logger;
  /** Where the node listens; undefined: it does not yet. */
  address: string | undefined;
  /** Resolves when the node can serve. */
  readonly ready: Promise<void>;
  #onReady: () => void = () => {};

  /** @param onLine is given each line as the node writes it: JSON, with a line feed */
  constructor(name: string, onLine: ((line: string) => void) | undefined) {
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    const write = (text: string): void => {
      this.#read(text);
      onLine?.(text);
    };
    this.logger = createLogger({ name, level: 'info', destination: { write } });
  }

  #read(text: string): void {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || !('event' in line)) return;
    if (line.event === 'listening' && 'address' in line) this.address = String(line.address);
    if (line.event === 'ready') this.#onReady();
  }
}
