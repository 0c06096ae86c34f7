import type { ExpectedIdentity } from './data-directory.ts';
import type { StoreEnvironment } from './store-environment.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export interface StoreSettings {
  /** Heap that hot records may take. */
  readonly cacheBytes: number;
  /** Heap that entries may take which the view does not have yet; at it, `hasRoom` says no. */
  readonly overlayBytesMax: number;
  /** A log file is followed by the next one at this size. */
  readonly segmentBytes: number;
  /** The log keeps this much for followers that come back. */
  readonly retentionBytes: number;
  /** The log keeps at most this much, whatever followers need; only what may still be lost to all stays above it. */
  readonly retentionBytesMax: number;
  /** What is appended is synced at most this much later, asked for or not. */
  readonly memorySyncMs: number;
}

export interface StoreOptions extends Partial<StoreSettings> {
  /** The data directory; made when it is missing. For an ephemeral store any name. */
  readonly directory: string;
  /** Real files, memory, or fakes: see diskEnvironment and ephemeralEnvironment. */
  readonly environment: StoreEnvironment;
  /** Makes the random id of a new store. */
  readonly newStoreId: () => string;
  /** What a directory that is in use already must say of itself; noted in a new one. */
  readonly expected?: ExpectedIdentity;
}

export const defaultStoreSettings: StoreSettings = {
  cacheBytes: 256 * MIB,
  overlayBytesMax: 64 * MIB,
  segmentBytes: 64 * MIB,
  retentionBytes: GIB,
  retentionBytesMax: 4 * GIB,
  memorySyncMs: 1000,
};

/** In memory the log is worth less and costs more: it only bridges a follower's reconnection. */
export const ephemeralStoreSettings: StoreSettings = {
  ...defaultStoreSettings,
  segmentBytes: 8 * MIB,
  retentionBytes: 32 * MIB,
  retentionBytesMax: 128 * MIB,
};
