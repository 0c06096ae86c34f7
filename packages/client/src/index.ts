export type { Ack, Consistency, ErrorCode, IndexedField, KeyspaceSettings, Metadata } from '@edis/core';
export { EdisError } from '@edis/core';
export type { Client, KeyspaceSource, Session } from './client.ts';
export { connect } from './connect.ts';
export type { ByteKeyspace, Keyspace, KeyspaceCalls, Typed, TypedEntry, TypedEvent } from './keyspace.ts';
export type {
  BatchWrite,
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  ConnectOptions,
  DeleteOptions,
  EntryHead,
  GetOptions,
  Key,
  OnReply,
  PromoteOptions,
  PutEntry,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
export type {
  AggregateGroupResult,
  AggregateQuery,
  AggregateResult,
  Balance,
  Distribution,
  FieldCondition,
  KeyRange,
  MeasureQuery,
  MeasureValue,
  PageOptions,
  RecordEvent,
  RecordStream,
  ScanOptions,
  SearchOptions,
  SearchQuery,
  ShardShare,
  WatchEvent,
  WatchOptions,
} from './query-options.ts';
export type {
  AppendResult,
  BatchPart,
  BatchResult,
  BatchWriteResult,
  ClusterStats,
  DeleteResult,
  ExpireResult,
  GetResult,
  IncrementResult,
  KeyspaceDescription,
  Location,
  LocationMember,
  NodeStatsReply,
  NotApplied,
  PromoteResult,
  PutResult,
  ReadCause,
  ReadReply,
  RecordHead,
  ServedBy,
  ShardStats,
} from './results.ts';
export { shardStatsOf } from './shard-stats.ts';
export type {
  BytesKeyspaceOptions,
  Codec,
  KeyspaceOptions,
  TextKeyspaceOptions,
  ValueSchema,
} from './value-codec.ts';
