export type { AdmissionLimits, ClientShare } from './admission.ts';
export { Admission } from './admission.ts';
export type { MeasureResult, MergedGroup } from './aggregate.ts';
export { Aggregation, mergeGroups, topGroups } from './aggregate.ts';
export { AttentiveClock } from './attentive-clock.ts';
export type { BackoffLimits } from './backoff.ts';
export { backoffMs } from './backoff.ts';
export type { ShardBalance } from './balance.ts';
export { balanceOf, slotDeviations } from './balance.ts';
export type { ByteString, Bytes, Metadata } from './bytes.ts';
export type { ClusterOptions } from './cluster.ts';
export { Cluster } from './cluster.ts';
export type { ClusterEffect, KeyspaceRequestId, SessionId } from './cluster-effect.ts';
export type { ClusterState, ShardRecord, StoreIncarnation } from './cluster-state.ts';
export { checkClusterState } from './cluster-state.ts';
export type { ContinuousClockOptions } from './continuous-clock.ts';
export { ContinuousClock } from './continuous-clock.ts';
export { Credit } from './credit.ts';
export type { Decimal } from './decimal.ts';
export {
  addDecimals,
  compareDecimals,
  decimalToNumber,
  divideDecimal,
  parseDecimal,
  printDecimal,
} from './decimal.ts';
export type { LogAgreement } from './epoch-table.ts';
export { EpochTable } from './epoch-table.ts';
export type { ErrorCode, ErrorDetails } from './error.ts';
export { EdisError, errorCodes, invariant, unreachable } from './error.ts';
export { isExpired } from './expiry.ts';
export type { LivenessChange } from './failure-detector.ts';
export { FailureDetector } from './failure-detector.ts';
export type {
  Change,
  ChangeKind,
  WatchFrom,
  WatchOpen,
  WatchRefusalCause,
  WatchRequest,
  WatchResponse,
  WatchSnapshotCause,
} from './feed.ts';
export type { WatchDecision, WatchedLog } from './feed-decision.ts';
export { decideWatch } from './feed-decision.ts';
export type { FeedPlace, FeedPlaces, FeedScope } from './feed-token.ts';
export { decodeFeedToken, encodeFeedToken } from './feed-token.ts';
export type { FollowDecision, FollowedLog } from './follow-decision.ts';
export { decideFollow } from './follow-decision.ts';
export type { FollowerEffect, FollowerStart, FollowerState } from './follower.ts';
export { Follower } from './follower.ts';
export { longestLeaseMs } from './granted-lease.ts';
export type { GroupMemberEffect, GroupMemberOptions, GroupPart, MemberFacts } from './group-member.ts';
export { GroupMember } from './group-member.ts';
export { HotKeys } from './hot-keys.ts';
export { compareIndexValues, compareText, indexNumber } from './index-value.ts';
export type { CampaignOutcome, LeadershipEffect, LeaseId, StandDownCause } from './info-leadership.ts';
export { InfoLeadership } from './info-leadership.ts';
export type { IndexedField, IndexKind, KeyspaceSettings } from './keyspace-settings.ts';
export {
  defaultKeyspaceSettings,
  indexKindOf,
  keyspaceNameFault,
  keyspaceSettingsFault,
} from './keyspace-settings.ts';
export type { LeadingEffect, LeadingFacts, LeadingGroupOptions, LeadingState } from './leading-group.ts';
export { LeadingGroup } from './leading-group.ts';
export { defaultKeyspaceId, defaultKeyspaceName, limits, slotCount } from './limits.ts';
export type {
  ClusterDescription,
  Configuration,
  InfoMessage,
  KeyspaceRefusalCause,
  KeyspaceReply,
  MembershipProposal,
  NodeMessage,
  NodeReport,
  NodeRole,
  Prepare,
  PromiseAnswer,
  PromoteRefusalCause,
  PromoteReply,
  RefusalCause,
  Registration,
} from './node-message.ts';
export type { HotKey, KeyspaceStats, LatencyFigures, NodeStats } from './node-stats.ts';
export type {
  Ack,
  AppendOperation,
  AtomicOperation,
  BatchRequest,
  BatchResponse,
  BusyCause,
  Condition,
  Consistency,
  DeleteOperation,
  ExpireOperation,
  GetOperation,
  IncrementOperation,
  InvalidCause,
  MalformedOperation,
  Operation,
  Outcome,
  Position,
  PutOperation,
  Result,
  SingleWriteOperation,
  WriteOperation,
} from './operation.ts';
export { noExpiry } from './operation.ts';
export type { Fault } from './operation-check.ts';
export {
  checkInKeyspace,
  checkKey,
  checkMetadataSize,
  checkOperation,
  checkValue,
  checkValueLength,
  isNumberText,
  writeBytes,
} from './operation-check.ts';
export type {
  FoundOperation,
  OperationIdLimits,
  RememberedClient,
  RememberedKind,
  RememberedOperation,
} from './operation-ids.ts';
export { OperationIds } from './operation-ids.ts';
export { maxShards, nextShardName, planFormation, planReadShard, shardNumber } from './planner.ts';
export type { PromoteWish } from './promote-decision.ts';
export type {
  AggregateGroup,
  AggregateRequest,
  AggregateResponse,
  Bound,
  GroupPage,
  Measure,
  MeasureKind,
  MeasurePart,
  Predicate,
  QueryFooter,
  QueryHead,
  QueryRecord,
  QueryRefusal,
  RecordPage,
  ScanRequest,
  ScanResponse,
  SearchPlace,
  SearchRequest,
  SearchResponse,
} from './query.ts';
export { checkAggregate, checkScan, checkSearch, defaultPageRecords } from './query-check.ts';
export type { QueryKind, QueryScope } from './query-cursor.ts';
export { decodeQueryCursor, encodeQueryCursor } from './query-cursor.ts';
export { leastMembersFor, quorumOf } from './quorum.ts';
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
export type { EqualsPredicate, OrderingPredicate, SearchPlan } from './search-plan.ts';
export { orderingPredicate, planSearch, predicateFilter, wantsProbe } from './search-plan.ts';
export type { SessionToken } from './session-token.ts';
export { decodeSessionToken, encodeSessionToken } from './session-token.ts';
export { sortByShard } from './shard-order.ts';
export { crc16, hashTagOf, slotOf } from './slot.ts';
export { Staleness } from './staleness.ts';
export type { Timers } from './timers.ts';
export { HybridClock, logicalSteps, timestampEpochMs, timestampOfMs } from './timestamp.ts';
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
export { utf8Length } from './utf8-length.ts';
export { VisibleWatermark } from './visible-watermark.ts';
export type { DecidedWrite, PresentRecord, UnwrittenOutcome, WriteDecision } from './write-decision.ts';
export { deadlineOf, decideWrite, isDecided, outcomeOfUnwritten, outcomeOfWrite } from './write-decision.ts';
