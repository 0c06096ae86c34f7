/**
 * Limits of what a cluster takes. They are part of the contract (proto/edis/v1), not settings: a record that one node
 * accepted must be acceptable to every other.
 */
const KIB = 1024;
const MIB = 1024 * KIB;

export const limits = {
  minKeyBytes: 1,
  maxKeyBytes: 4 * KIB,
  maxValueBytes: 8 * MIB,
  maxMetadataFields: 64,
  /** Names and values of all fields together. */
  maxMetadataBytes: 16 * KIB,
  /** One gRPC message: the largest operation and what goes with it, with room to spare. */
  maxMessageBytes: 16 * MIB,
  /** A batch ends at either; a larger single operation travels alone. */
  maxBatchBytes: MIB,
  maxBatchOperations: 4096,
  maxNodeNameLength: 128,
  maxKeyspaceNameLength: 64,
  /** Every node keeps all keyspaces in memory, and every topology carries them. */
  maxKeyspaces: 1024,
  maxIndexedFields: 64,
  /** Characters of an indexed field's name: every topology carries it. */
  maxFieldNameLength: 256,
  /** A hundred years: later deadlines are mistakes. */
  maxTtlMs: 100 * 365 * 24 * 3_600_000,
  /** Writes of one atomic batch; it is one log entry, within `maxBatchBytes`. */
  maxAtomicOperations: 1024,
  /** Records of one page of a scan or search; a page also ends at `maxBatchBytes`. */
  maxPageRecords: 10_000,
  /** Conditions of one search. */
  maxPredicates: 16,
  /** Measures of one aggregate. */
  maxMeasures: 16,
  /** Groups that one shard answers an aggregate with; more are an error, because a cut-off answer would be wrong. */
  maxGroups: 65_536,
  /** An opening entry goes so far ahead: no version of what a power loss has taken is given out again. */
  maxClockAheadMs: 10_000,
  /** Operation ids are remembered for that long, by the log's timestamps. */
  operationIdWindowMs: 10 * 60_000,
  /** Clients whose operation ids one shard remembers at once; about 100 B each at rest. */
  maxRememberedClients: 65_536,
  /** Unfinished writes that one client may have at one shard: what one record of operation ids holds at most. */
  maxOutstandingPerClient: 65_536,
} as const;

export const slotCount = 16_384;

export const defaultKeyspaceId = 1;
export const defaultKeyspaceName = 'default';
