export type { AdmissionLimits } from './admission.ts';
export { Admission } from './admission.ts';
export type { BackoffLimits } from './backoff.ts';
export { backoffMs } from './backoff.ts';
export type { ByteString, Bytes, Metadata } from './bytes.ts';
export type { ClusterEffect, ClusterOptions, SessionId } from './cluster.ts';
export { Cluster, waitsFor } from './cluster.ts';
export type { ClusterState, ShardRecord, StoreIncarnation } from './cluster-state.ts';
export { checkClusterState } from './cluster-state.ts';
export { Credit } from './credit.ts';
export type { LogAgreement } from './epoch-table.ts';
export { EpochTable } from './epoch-table.ts';
export type { ErrorCode, ErrorDetails } from './error.ts';
export { EdisError, errorCodes, invariant, unreachable } from './error.ts';
export type { LivenessChange } from './failure-detector.ts';
export { FailureDetector } from './failure-detector.ts';
export type { FollowDecision, FollowedLog } from './follow-decision.ts';
export { decideFollow } from './follow-decision.ts';
export type { FollowerEffect, FollowerStart, FollowerState } from './follower.ts';
export { Follower } from './follower.ts';
export { defaultKeyspaceId, defaultKeyspaceName, limits, slotCount } from './limits.ts';
export type {
  ClusterDescription,
  Configuration,
  InfoMessage,
  NodeMessage,
  NodeReport,
  NodeRole,
  RefusalCause,
  Registration,
} from './node-message.ts';
export type { NodeStats } from './node-stats.ts';
export type {
  Ack,
  BatchRequest,
  BatchResponse,
  BusyCause,
  Condition,
  Consistency,
  DeleteOperation,
  GetOperation,
  InvalidCause,
  MalformedOperation,
  Operation,
  Outcome,
  Position,
  PutOperation,
  Result,
  WriteOperation,
} from './operation.ts';
export type { Fault } from './operation-check.ts';
export { checkKey, checkMetadata, checkOperation, checkValue } from './operation-check.ts';
export type {
  FoundOperation,
  OperationIdLimits,
  RememberedClient,
  RememberedOperation,
} from './operation-ids.ts';
export { OperationIds } from './operation-ids.ts';
export { maxShards, nextShardName, planFormation, planReadShard, shardNumber } from './planner.ts';
export type { PrimaryEffect, PrimaryState } from './primary.ts';
export { Primary } from './primary.ts';
export type { ReadDecision, ReadDemand, ReaderState } from './read-decision.ts';
export { comparePositions, decideRead } from './read-decision.ts';
export type { ReadCandidate } from './replica-picker.ts';
export { ReplicaPicker } from './replica-picker.ts';
export type {
  BeaconRequest,
  BeaconResponse,
  EpochStart,
  FollowAcknowledge,
  FollowMessage,
  FollowOpen,
  FollowRefusalCause,
  FollowRequest,
  FollowResponse,
  SnapshotCause,
  SnapshotOpen,
  SnapshotRequest,
  SnapshotResponse,
} from './replication-message.ts';
export { networkOf, pickEndpoint, Router, shardOfSlot } from './routing.ts';
export type { SessionToken } from './session-token.ts';
export { decodeSessionToken, encodeSessionToken, mergeSessionTokens, sessionTokenCovers } from './session-token.ts';
export { crc16, slotOf } from './slot.ts';
export { Staleness } from './staleness.ts';
export { HybridClock, logicalSteps, msOfTimestamp, timestampEpochMs, timestampOfMs } from './timestamp.ts';
export type {
  ClusterId,
  Endpoint,
  InfoNode,
  Keyspace,
  Member,
  MemberRole,
  Shard,
  ShardId,
  SlotRange,
  StoreId,
  Topology,
  TopologyDelta,
  TopologyUpdate,
} from './topology.ts';
export { applyDelta, applyUpdate, checkTopology, deltaBetween } from './topology-change.ts';
export { VisibleWatermark } from './visible-watermark.ts';
