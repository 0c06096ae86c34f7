import { commonSettings, type SettingsTable } from '@edis/process';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const secondMs = 1000;

/** Settings of every shard member, on top of what each process has. */
export function memberSettings() {
  return { ...commonSettings({ listen: '0.0.0.0:7410' }), ...placeSettings(), ...boundSettings(), ...logSettings() };
}

/** Where it belongs. */
function placeSettings() {
  return {
    info: {
      kind: 'list',
      of: 'address',
      flag: 'info',
      default: ['localhost:7400'],
      description: 'where info is; repeatable',
    },
    shard: {
      kind: 'string',
      flag: 'shard',
      default: undefined,
      maxLength: 64,
      description: 'shard to belong to; without it info assigns one',
    },
  } as const satisfies SettingsTable;
}

/** What bounds its memory. */
function boundSettings() {
  return {
    cacheBytes: {
      kind: 'bytes',
      flag: 'cache',
      default: 256 * MIB,
      min: 0,
      max: 64 * GIB,
      description: 'memory for hot records',
    },
    overlayBytes: {
      kind: 'bytes',
      flag: 'overlay',
      default: 64 * MIB,
      min: MIB,
      max: 16 * GIB,
      description: 'log that the view may be behind; writes are busy above it',
    },
    queueOperations: {
      kind: 'integer',
      flag: 'queue-operations',
      default: 16_384,
      min: 1,
      max: 1_000_000,
      description: 'writes that may wait; more are busy',
    },
    queueBytes: {
      kind: 'bytes',
      flag: 'queue-bytes',
      default: 64 * MIB,
      min: 64 * KIB,
      max: 16 * GIB,
      description: 'bytes of writes that may wait; more are busy',
    },
  } as const satisfies SettingsTable;
}

/** How its log is kept, and how long its reads wait. */
function logSettings() {
  return {
    memorySyncMs: {
      kind: 'durationMs',
      flag: 'memory-sync',
      default: secondMs,
      min: 10,
      max: 60 * secondMs,
      description: 'memory writes are synced within that time',
    },
    segmentBytes: {
      kind: 'bytes',
      flag: 'segment',
      default: 64 * MIB,
      min: 64 * KIB,
      max: GIB,
      description: 'size at which a new log segment begins',
    },
    retentionBytes: {
      kind: 'bytes',
      flag: 'retention',
      default: GIB,
      min: 0,
      max: 1024 * GIB,
      description: 'log that is kept for followers who come back',
    },
    retentionMaxBytes: {
      kind: 'bytes',
      flag: 'retention-max',
      default: 4 * GIB,
      min: 0,
      max: 4096 * GIB,
      description: 'log kept for slow followers; writes are busy when no quorum has more than that',
    },
    sessionWaitMs: {
      kind: 'durationMs',
      flag: 'session-wait',
      default: 100,
      min: 0,
      max: 10 * secondMs,
      description: 'how long a session read waits at a replica before the primary answers',
    },
    busyPollUs: {
      kind: 'integer',
      flag: 'busy-poll-us',
      default: 100,
      min: 0,
      max: 10_000,
      description: 'microseconds to stay awake for a lone caller who comes back at once; 0: sleep',
    },
  } as const satisfies SettingsTable;
}
