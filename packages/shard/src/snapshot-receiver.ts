import type { SnapshotOpen, SnapshotResponse, Timers } from '@edis/core';
import { EdisError, EpochTable } from '@edis/core';
import type { NodeChannel } from '@edis/rpc';
import type { SnapshotInstall, SnapshotStart, Store } from '@edis/store';

/** Pages under way at once: enough to keep the sender busy while one is written. */
const pagesUnderWay = 4;

/** A primary that sends nothing for that long is given up, and the snapshot begun anew. */
const silenceMs = 30_000;

export interface SnapshotErrand {
  readonly channel: NodeChannel;
  readonly store: Store;
  readonly timers: Timers;
  readonly open: SnapshotOpen;
  /** Up to there the own log is the primary's; undefined: all of it, as far as it goes. */
  readonly agreed: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Takes a snapshot from the primary and installs it in place of the own state.
 *
 * Guarantees that the old state serves on until the new one is complete, checked and synced; a snapshot that breaks off
 * leaves nothing behind. What both logs agree on stays, also where the snapshot ends before it: then the own log goes
 * on behind it. A snapshot for which that can not be is not taken, nor one of a log that has less in common with the
 * own one than was said: since then the primary may have lost the end of its log with its power, and lead again.
 */
export async function takeSnapshot({ channel, store, timers, open, agreed, signal }: SnapshotErrand): Promise<void> {
  const responses = new SnapshotStream(channel, timers, open, signal);
  let install: SnapshotInstall | undefined;
  try {
    const first = await responses.next();
    if (first.kind !== 'start') throw new EdisError('protocol', 'the snapshot did not begin with its start');
    checkStart(first, store, agreed);
    install = await store.beginInstall(first, agreed);
    responses.grant(pagesUnderWay);
    let rowCount = 0;
    for (;;) {
      const response = await responses.next();
      if (response.kind === 'start') throw new EdisError('protocol', 'the snapshot began twice');
      if (response.kind === 'end') {
        if (response.rowCount !== rowCount) throw new EdisError('protocol', 'rows of the snapshot are missing');
        break;
      }
      await install.addPage(response.keys, response.values);
      rowCount += response.keys.length;
      responses.grant(1);
    }
    await install.finish();
    install = undefined;
  } finally {
    responses.close();
    await install?.abort();
  }
}

/** EdisError 'unreachable' when something would be gone, without a receipt, that the sender was said to have. */
function checkStart({ position: { position }, epochs }: SnapshotStart, store: Store, agreed: number | undefined): void {
  const last = store.lastEntry.position;
  // Entries that this member acknowledged must not vanish because the sender shows less than it has.
  if (agreed === undefined && position < last) {
    throw new EdisError('unreachable', `the snapshot ends at ${position}, this log at ${last}`);
  }
  const shared = new EpochTable(store.epochs).agreedPositionWith(last, new EpochTable(epochs), position);
  const expected = Math.min(agreed ?? last, position);
  if (shared < expected) {
    const what = `the snapshot is this log's up to ${shared}, and should be up to ${expected}`;
    throw new EdisError('unreachable', `${what}: the primary's log is not the one that it was`);
  }
}

/** The responses as something to wait for; never holds more than the granted pages. */
class SnapshotStream {
  readonly #stream;
  readonly #timers: Timers;
  readonly #queue: SnapshotResponse[] = [];
  #ended: EdisError | undefined;
  #wake: (() => void) | undefined;

  constructor(channel: NodeChannel, timers: Timers, open: SnapshotOpen, signal: AbortSignal) {
    this.#timers = timers;
    this.#stream = channel.snapshot();
    this.#stream.listen({
      onMessage: (response) => {
        this.#queue.push(response);
        this.#wake?.();
      },
      onClose: (error) => {
        this.#ended = error ?? new EdisError('unreachable', 'the primary ended the snapshot');
        this.#wake?.();
      },
    });
    signal.addEventListener('abort', () => this.#stream.cancel(), { once: true });
    this.#stream.send({ kind: 'open', ...open });
  }

  grant(pages: number): void {
    this.#stream.send({ kind: 'grant', pages });
  }

  close(): void {
    this.#stream.cancel();
  }

  async next(): Promise<SnapshotResponse> {
    for (;;) {
      const response = this.#queue.shift();
      if (response !== undefined) return response;
      if (this.#ended !== undefined) throw this.#ended;
      await this.#change();
    }
  }

  async #change(): Promise<void> {
    let cancel: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      cancel = this.#timers.after(silenceMs, () => {
        this.#ended = new EdisError('deadline', `no page of the snapshot came for ${silenceMs} ms`);
        resolve();
      });
    });
    cancel?.();
    this.#wake = undefined;
  }
}
