import type { ClusterState } from '@edis/core';

/** Where info remembers the cluster. */
export interface InfoStore {
  /** What was saved last; undefined: nothing yet. */
  load(): Promise<ClusterState | undefined>;
  /** Resolves when the state is durable; after an EdisError the store is good for nothing but closing. */
  save(state: ClusterState): Promise<void>;
  close(): Promise<void>;
}

/** For `--ephemeral`: forgets everything at the end. */
export class MemoryStore implements InfoStore {
  private state: ClusterState | undefined;

  load(): Promise<ClusterState | undefined> {
    return Promise.resolve(this.state);
  }

  save(state: ClusterState): Promise<void> {
    this.state = state;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
