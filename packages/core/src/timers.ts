/** Delayed work of a shell: real timers in a process, simulated ones in the simulator. Each result cancels. */
export interface Timers {
  after(delayMs: number, run: () => void): () => void;
  every(intervalMs: number, run: () => void): () => void;
}
