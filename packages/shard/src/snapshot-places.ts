import type { SnapshotRequest, SnapshotResponse } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';

const maxSnapshots = 2;

/** How many snapshots are sent at once: few, because each pins the log and reads the whole view. */
export class SnapshotPlaces {
  #taken = 0;

  /** False: all places are taken, and the follower has been told so. Else whoever sends must `leave` once. */
  admit(stream: MessageStream<SnapshotResponse, SnapshotRequest>): boolean {
    if (this.#taken >= maxSnapshots) {
      stream.listen({ onMessage: () => {}, onClose: () => {} });
      stream.cancel(new EdisError('busy', `${maxSnapshots} snapshots are being sent already`));
      return false;
    }
    this.#taken += 1;
    return true;
  }

  leave(): void {
    this.#taken -= 1;
  }
}
