export type { Client } from './client.ts';
export { connect } from './connect.ts';
export type {
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  ConnectOptions,
  DeleteOptions,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
export type {
  DeleteResult,
  GetResult,
  Location,
  LocationMember,
  NodeStatsReply,
  NotApplied,
  PutResult,
  ServedBy,
} from './results.ts';
