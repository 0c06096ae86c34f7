import type { Change, EdisError, WatchFrom, WatchOpen, WatchRequest, WatchResponse } from '@edis/core';
import { defaultKeyspaceSettings } from '@edis/core';
import { realTimers } from '@edis/process';
import type { MessageStream, StreamListener } from '@edis/rpc';
import type { LoggedOperation, Store, StoreOptions } from '@edis/store';
import { deleteOf, entryOf, FakeWorld, keyspaceOf, putOf } from '@edis/store/testing';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { changeBytes } from './watch-change.ts';
import { maxFeeds, WatchFeeds } from './watch-feeds.ts';
import { WatchLevel } from './watch-level.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A reader's end of a feed, on the side of the member. */
class ReaderStream implements MessageStream<WatchResponse, WatchRequest> {
  readonly peer = 'reader';
  closed = false;
  readonly heard: WatchResponse[] = [];
  error: EdisError | undefined;
  #listener: StreamListener<WatchRequest> | undefined;

  listen(listener: StreamListener<WatchRequest>): void {
    this.#listener = listener;
  }

  send(message: WatchResponse): boolean {
    if (!this.closed) this.heard.push(message);
    return true;
  }

  end(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(undefined);
  }

  cancel(error?: EdisError): void {
    this.error = error;
    this.end();
  }

  pause(): void {}

  resume(): void {}

  ask(request: WatchRequest): void {
    this.#listener?.onMessage(request);
  }

  get changes(): readonly Change[] {
    return this.heard.flatMap((message) => (message.kind === 'changes' ? message.changes : []));
  }

  get texts(): string[] {
    return this.changes.map(({ kind, key, version }) => `${kind} ${key} ${version}`);
  }

  /** Bytes that were sent against the credit. */
  get sentBytes(): number {
    return this.heard.reduce((sum, message) => sum + (message.kind === 'changes' ? message.bytes : 0), 0);
  }

  get kinds(): string[] {
    return this.heard.map(({ kind }) => kind);
  }
}

class Bed {
  readonly store: Store;
  readonly feeds: WatchFeeds;
  serving = true;
  stalenessMs = 0;
  isLedByAnother = true;
  nowMs = 1_000_000;
  #position = 0;
  #epoch = 1;

  static async open(options: Partial<StoreOptions> = {}): Promise<Bed> {
    const bed = new Bed(await new FakeWorld().open(options));
    closers.push(async () => {
      bed.feeds.close();
      await bed.store.close();
    });
    return bed;
  }

  private constructor(store: Store) {
    this.store = store;
    this.#position = store.lastEntry.position;
    this.feeds = new WatchFeeds({
      timers: realTimers,
      store,
      node: 'n1',
      cluster: () => 'c1',
      shard: () => 's1',
      serving: () => this.serving,
      level: new WatchLevel({
        stalenessMs: () => this.stalenessMs,
        leaseMs: () => 2000,
        isLedByAnother: () => this.isLedByAnother,
      }),
      wallMs: () => this.nowMs,
      onCount: () => {},
      onError: () => {},
    });
  }

  /** Appends an entry and shows it; its operations have the versions position × 1 000 000, and on. */
  write(...operations: LoggedOperation[]): number {
    this.#position += 1;
    this.store.append(entryOf(this.#position, operations, { epoch: this.#epoch }));
    this.store.setVisible(this.#position);
    this.feeds.onShown();
    return this.#position;
  }

  /** So many seconds pass. */
  look(count: number): void {
    for (let each = 0; each < count; each += 1) this.feeds.look();
  }

  openEpoch(): number {
    this.#epoch += 1;
    return this.write(putOf('', '', { kind: 'open', keyspace: 0 }));
  }

  watch(from: WatchFrom, change: Partial<WatchOpen> = {}): ReaderStream {
    const stream = new ReaderStream();
    this.feeds.watch(stream);
    const creditBytes = 1024 * 1024;
    const open = { shard: 's1', cluster: 'c1', keyspace: 1, prefix: '', from, creditBytes } as const;
    stream.ask({ kind: 'open', ...open, ...change });
    closers.push(() => stream.end());
    return stream;
  }
}

const after = (epoch: number, position: number): WatchFrom => ({ kind: 'after', position: { epoch, position } });
const logBegin = after(0, 0);

async function heard(stream: ReaderStream, count: number): Promise<void> {
  await vi.waitUntil(() => stream.changes.length >= count);
}

describe('a feed of a member', () => {
  test('sends what is visible behind its position, in order, and nothing that is not', async () => {
    const bed = await Bed.open();
    bed.write(putOf('a', '1'), putOf('b', '1'));
    const now = bed.watch({ kind: 'now' });
    const all = bed.watch(logBegin);
    bed.write(deleteOf('a'), putOf('b', '', { kind: 'expire' }));
    bed.store.append(entryOf(3, [putOf('c', 'hidden')]));
    await heard(all, 4);
    await heard(now, 2);
    expect(all.texts).toEqual(['put a 1000000', 'put b 1000001', 'delete a 2000000', 'expire b 2000001']);
    expect(now.texts).toEqual(['delete a 2000000', 'expire b 2000001']);
    expect(now.heard[0]).toEqual({ kind: 'started', position: { epoch: 1, position: 1 }, node: 'n1' });
    expect(now.heard.at(-1)).toMatchObject({ position: { epoch: 1, position: 2 } });
    bed.store.setVisible(3);
    bed.feeds.onShown();
    await heard(now, 3);
    expect(now.texts.at(-1)).toBe('put c 3000000');
  });

  test('sends its keyspace and prefix only, and says where it stands when nothing was for it', async () => {
    const bed = await Bed.open();
    bed.write(keyspaceOf(7, 'users', defaultKeyspaceSettings));
    const stream = bed.watch({ kind: 'now' }, { keyspace: 7, prefix: 'u:' });
    bed.write(putOf('u:1', 'x'), putOf('u:1', 'x', { keyspace: 7 }), putOf('v:1', 'x', { keyspace: 7 }));
    await heard(stream, 1);
    expect(stream.texts).toEqual(['put u:1 2000001']);
    const position = bed.write(putOf('other', 'x'));
    await vi.waitUntil(() => stream.heard.at(-1)?.kind === 'changes' && stream.heard.length === 3, { timeout: 5000 });
    expect(stream.heard.at(-1)).toEqual({
      kind: 'changes',
      changes: [],
      position: { epoch: 1, position },
      bytes: 0,
    });
  });

  test('gives a sign of life each second: with its position, and within an entry without', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const bed = await Bed.open();
    const position = bed.write(putOf('a', '1'));
    const idle = bed.watch({ kind: 'now' });
    await vi.waitUntil(() => idle.kinds.includes('started'));
    const full = bed.watch({ kind: 'now' }, { creditBytes: 64 * 1024 });
    bed.write(putOf('b', 'v'.repeat(70_000)), putOf('c', '1'));
    await heard(full, 1);
    await heard(idle, 2);
    const before = { idle: idle.heard.length, full: full.heard.length };
    vi.advanceTimersByTime(3 * 1000);
    await vi.waitUntil(() => idle.heard.length > before.idle && full.heard.length > before.full);
    const nothing = { kind: 'changes', changes: [], bytes: 0 };
    expect(idle.heard.at(-1)).toEqual({ ...nothing, position: { epoch: 1, position: position + 1 } });
    expect(full.heard.at(-1)).toEqual({ ...nothing, position: undefined });
    full.ask({ kind: 'grant', bytes: 64 * 1024 });
    await heard(full, 2);
    expect(full.texts).toEqual(['put b 2000000', 'put c 2000001']);
  });

  test('says the position of a new epoch before its changes', async () => {
    const bed = await Bed.open();
    bed.write(putOf('a', '1'));
    bed.openEpoch();
    bed.write(putOf('b', '1'));
    const stream = bed.watch(logBegin);
    await heard(stream, 2);
    const positions = stream.heard.map((message) => (message.kind === 'changes' ? message.position : undefined));
    expect(positions).toContainEqual({ epoch: 2, position: 2 });
    expect(positions.slice(1).map((each) => each?.position)).toEqual([1, 2, 3]);
  });

  test.each([64, 4096])('says up to where the log has each change, with a credit of %i KiB', async (credit) => {
    const value = (bytes: number): string => 'v'.repeat(bytes);
    const other = putOf('other', '1', { keyspace: 9 });
    const bed = await Bed.open();
    // Large and small ones, alone and with others, before and behind entries that have nothing for the reader.
    bed.write(putOf('a', '1'), putOf('b', '1'));
    bed.write(putOf('c', value(30_000)), putOf('d', value(40_000)), putOf('e', value(40_000)), other);
    bed.write(other);
    bed.write(putOf('f', value(300_000)), putOf('g', '1'), other);
    bed.write(other);
    bed.write(putOf('h', value(300_000)), other);
    bed.write(putOf('i', value(300_000)));
    bed.write(putOf('j', '1'));
    const stream = bed.watch(logBegin, { creditBytes: credit * 1024 });
    let takenBytes = 0;
    const takeAll = (): number => {
      const bytes = stream.sentBytes - takenBytes;
      takenBytes += bytes;
      if (bytes > 0) stream.ask({ kind: 'grant', bytes });
      return stream.changes.length;
    };
    await vi.waitUntil(() => takeAll() >= 10, { interval: 5 });
    expect(stream.changes.map(({ key }) => key).join('')).toBe('abcdefghij');
    let told = 0;
    for (const message of stream.heard) {
      if (message.kind !== 'changes') continue;
      const { changes, bytes, position } = message;
      for (const { version } of changes) {
        // In part it is the entry behind the last position that was told.
        const entry = Math.floor(version / 1_000_000);
        if (position === undefined) expect(entry).toBe(told + 1);
        else expect(entry > told && entry <= position.position).toBe(true);
      }
      expect(bytes).toBe(changes.reduce((sum, each) => sum + changeBytes(each), 0));
      told = position?.position ?? told;
    }
  });

  test('ends when its keyspace is dropped', async () => {
    const bed = await Bed.open();
    bed.write(keyspaceOf(7, 'users', defaultKeyspaceSettings));
    const stream = bed.watch({ kind: 'now' }, { keyspace: 7 });
    bed.write(putOf('', '', { kind: 'drop', keyspace: 7 }));
    await vi.waitUntil(() => stream.closed);
    expect(stream.heard.at(-1)).toEqual({ kind: 'refused', cause: 'no-such-keyspace' });
  });
});

describe('a snapshot of a feed', () => {
  test('has the records of the prefix that have not expired, and is followed by what came later', async () => {
    const bed = await Bed.open();
    bed.write(putOf('p1', 'x'), putOf('p2', 'x', { expiresAtMs: bed.nowMs }), putOf('q', 'x'), putOf('p\u00ff', 'y'));
    bed.write(deleteOf('p1'));
    bed.write(putOf('p3', 'z', { expiresAtMs: bed.nowMs + 1 }));
    const stream = bed.watch({ kind: 'start' }, { prefix: 'p' });
    await vi.waitUntil(() => stream.kinds.includes('snapshot-end'));
    expect(stream.texts).toEqual(['snapshot p3 3000000', 'snapshot p\u00ff 1000003']);
    expect(stream.heard[0]).toEqual({ kind: 'snapshot-begin', cause: 'start', node: 'n1' });
    expect(stream.heard.at(-1)).toEqual({ kind: 'snapshot-end', position: { epoch: 1, position: 3 } });
    bed.write(putOf('p4', 'x'));
    await heard(stream, 3);
    expect(stream.texts.at(-1)).toBe('put p4 4000000');
  });

  test('says each second that it goes on, however long its records are waited for', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const bed = await Bed.open();
    bed.write(putOf('a', '1'));
    let applied = (): void => {};
    const { store } = bed;
    const openView = store.openView.bind(store);
    vi.spyOn(store, 'openView').mockImplementation(async (position) => {
      await new Promise<void>((resolve) => {
        applied = resolve;
      });
      return openView(position);
    });
    const stream = bed.watch({ kind: 'start' });
    await vi.waitUntil(() => stream.kinds.includes('snapshot-begin'));
    vi.advanceTimersByTime(2 * 1000);
    const nothing = { kind: 'changes', changes: [], position: undefined, bytes: 0 };
    expect(stream.heard.slice(1)).toEqual([nothing, nothing]);
    applied();
    await vi.waitUntil(() => stream.kinds.includes('snapshot-end'));
    expect(stream.texts).toEqual(['snapshot a 1000000']);
  });

  test('comes by itself, with its cause, when the log no longer reaches back or has lost the position', async () => {
    const bed = await Bed.open({ segmentBytes: 100, retentionBytes: 0, retentionBytesMax: 0 });
    bed.store.setRetention({ oldestFollowerPosition: 1000, oldestLosablePosition: 1000 });
    for (let index = 0; index < 20; index += 1) bed.write(putOf(`k${index % 3}`, 'x'.repeat(50)));
    await bed.store.flush();
    bed.write(putOf('k0', 'y'));
    await bed.store.flush();
    await vi.waitUntil(() => bed.store.firstPosition > 10);
    const short = bed.watch(after(1, 5));
    await vi.waitUntil(() => short.kinds.includes('snapshot-end'));
    expect(short.heard[0]).toMatchObject({ kind: 'snapshot-begin', cause: 'log-too-short' });
    expect(short.changes).toHaveLength(3);
    const position = bed.openEpoch();
    const diverged = bed.watch(after(1, position));
    await vi.waitUntil(() => diverged.kinds.includes('snapshot-end'));
    expect(diverged.heard[0]).toMatchObject({ kind: 'snapshot-begin', cause: 'diverged' });
  });
});

describe('a slow reader', () => {
  test('is sent no more than its credit, and costs the member a portion of the log at most', async () => {
    const bed = await Bed.open();
    const creditBytes = 64 * 1024;
    const stream = bed.watch({ kind: 'now' }, { creditBytes });
    const value = 'v'.repeat(1000);
    for (let index = 0; index < 2000; index += 1) bed.write(putOf(`k${index}`, value));
    await heard(stream, 10);
    await vi.waitUntil(() => stream.sentBytes >= creditBytes);
    expect(stream.sentBytes).toBeLessThan(creditBytes + 2000);
    expect(bed.feeds.heldBytes).toBeLessThan(300 * 1024);
    while (stream.changes.length < 2000) {
      const before = stream.sentBytes;
      stream.ask({ kind: 'grant', bytes: creditBytes });
      await vi.waitUntil(() => stream.sentBytes > before);
      expect(bed.feeds.heldBytes).toBeLessThan(300 * 1024);
    }
    expect(stream.changes.map(({ key }) => key)).toEqual(Array.from({ length: 2000 }, (_, index) => `k${index}`));
  });

  test('takes a snapshot page by page under the same credit', async () => {
    const bed = await Bed.open();
    const value = 'v'.repeat(1000);
    for (let index = 0; index < 200; index += 1) bed.write(putOf(`k${index}`, value));
    const stream = bed.watch({ kind: 'start' }, { creditBytes: 64 * 1024 });
    await vi.waitUntil(() => stream.sentBytes >= 64 * 1024);
    expect(stream.kinds).not.toContain('snapshot-end');
    stream.ask({ kind: 'grant', bytes: 1024 * 1024 });
    await vi.waitUntil(() => stream.kinds.includes('snapshot-end'));
    expect(stream.changes).toHaveLength(200);
  });
});

describe('a feed is refused', () => {
  test.each([
    ['of another cluster', { cluster: 'c2' }, 'other-cluster'],
    ['of another shard', { shard: 's2' }, 'other-shard'],
    ['of a keyspace that is not there', { keyspace: 9 }, 'no-such-keyspace'],
    ['behind a position that is not there yet', { from: after(1, 99) }, 'not-serving'],
  ] as const)('%s', async (_, change, cause) => {
    const bed = await Bed.open();
    bed.write(putOf('a', '1'));
    const stream = bed.watch({ kind: 'now' }, change);
    await vi.waitUntil(() => stream.closed);
    expect(stream.heard).toEqual([{ kind: 'refused', cause }]);
  });

  test('while the member does not serve, when it drains, and when there are too many', async () => {
    const bed = await Bed.open();
    const streams = Array.from({ length: maxFeeds }, () => bed.watch({ kind: 'now' }));
    expect(bed.watch({ kind: 'now' }).heard).toEqual([{ kind: 'refused', cause: 'busy' }]);
    streams[0]?.end();
    bed.serving = false;
    expect(bed.watch({ kind: 'now' }).heard).toEqual([{ kind: 'refused', cause: 'not-serving' }]);
    bed.feeds.drain();
    expect(streams.every(({ closed }) => closed)).toBe(true);
    expect(streams[1]?.heard.at(-1)).toEqual({ kind: 'refused', cause: 'not-serving' });
  });

  test('from a while on after the member has ceased to hear its primary, and no longer once it is level', async () => {
    const bed = await Bed.open();
    const stream = bed.watch({ kind: 'now' });
    bed.write(putOf('a', '1'));
    await heard(stream, 1);
    bed.stalenessMs = 2001;
    bed.look(4);
    expect(bed.watch({ kind: 'now' }).closed).toBe(false);
    expect(stream.closed).toBe(false);
    bed.look(1);
    await vi.waitUntil(() => stream.closed);
    expect(stream.heard.at(-1)).toEqual({ kind: 'refused', cause: 'not-serving' });
    for (const kind of ['now', 'start'] as const) {
      expect(bed.watch({ kind }).heard).toEqual([{ kind: 'refused', cause: 'not-serving' }]);
    }
    bed.stalenessMs = 2000;
    expect(bed.watch({ kind: 'now' }).closed).toBe(false);
  });

  test('not because nobody leads its shard: to go elsewhere brings nothing', async () => {
    const bed = await Bed.open();
    bed.stalenessMs = Number.MAX_SAFE_INTEGER;
    bed.isLedByAnother = false;
    bed.look(60);
    const stream = bed.watch({ kind: 'now' });
    bed.write(putOf('a', '1'));
    await heard(stream, 1);
    expect(stream.closed).toBe(false);
    bed.isLedByAnother = true;
    bed.look(1);
    await vi.waitUntil(() => stream.closed);
  });

  test('as a fault of the reader when it does not begin by opening', async () => {
    const bed = await Bed.open();
    const stream = new ReaderStream();
    bed.feeds.watch(stream);
    stream.ask({ kind: 'grant', bytes: 1 });
    expect(stream.error?.code).toBe('protocol');
  });
});
