import type {
  AggregateRequest,
  AggregateResponse,
  BatchRequest,
  BatchResponse,
  BeaconRequest,
  BeaconResponse,
  ClusterDescription,
  FollowRequest,
  FollowResponse,
  InfoMessage,
  KeyspaceReply,
  NodeMessage,
  NodeStats,
  PromoteReply,
  PromoteWish,
  ScanRequest,
  ScanResponse,
  SearchRequest,
  SearchResponse,
  SnapshotRequest,
  SnapshotResponse,
  TopologyUpdate,
  WatchRequest,
  WatchResponse,
} from '@edis/core';
import type { MethodDefinition } from '@grpc/grpc-js';
import { AggregateResponseCodec } from './codec/aggregate-response-codec.ts';
import { BatchRequestCodec } from './codec/batch-request-codec.ts';
import { BatchResponseCodec } from './codec/batch-response-codec.ts';
import { descriptionCodec } from './codec/description-codec.ts';
import { EnvelopeCodec } from './codec/envelope-codec.ts';
import { FollowResponseCodec } from './codec/follow-response-codec.ts';
import { healthCodec } from './codec/health-codec.ts';
import type { CreateKeyspaceRequest } from './codec/keyspace-codec.ts';
import {
  createKeyspaceRequestCodec,
  createKeyspaceResponseCodec,
  dropKeyspaceRequestCodec,
  dropKeyspaceResponseCodec,
} from './codec/keyspace-codec.ts';
import type { MessageCodec } from './codec/message-codec.ts';
import { promoteRequestCodec, promoteResponseCodec } from './codec/promote-codec.ts';
import { aggregateRequestCodec, scanRequestCodec, searchRequestCodec } from './codec/query-request-codec.ts';
import { RecordPageCodec } from './codec/record-page-codec.ts';
import {
  beaconRequestCodec,
  beaconResponseCodec,
  followRequestCodec,
  snapshotRequestCodec,
  snapshotResponseCodec,
} from './codec/replication-codec.ts';
import { infoMessageCodec, nodeMessageCodec } from './codec/session-codec.ts';
import { statsCodec } from './codec/stats-codec.ts';
import { topologyCodec, topologyUpdateCodec } from './codec/topology-codec.ts';
import { watchRequestCodec } from './codec/watch-request-codec.ts';
import { WatchResponseCodec } from './codec/watch-response-codec.ts';
import { contract } from './contract.ts';

/** A method of the contract with the codecs of what goes each way; grpc-js itself only sees bytes. */
export interface Method<Request, Response> {
  readonly definition: MethodDefinition<Buffer, Buffer>;
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
}

export interface Methods {
  readonly session: Method<NodeMessage, InfoMessage>;
  readonly watchTopology: Method<undefined, TopologyUpdate>;
  readonly describeCluster: Method<undefined, ClusterDescription>;
  readonly createKeyspace: Method<CreateKeyspaceRequest, KeyspaceReply>;
  readonly dropKeyspace: Method<string, KeyspaceReply>;
  readonly promote: Method<PromoteWish, PromoteReply>;
  readonly batch: Method<BatchRequest, BatchResponse>;
  readonly execute: Method<BatchRequest, BatchResponse>;
  readonly getStats: Method<undefined, NodeStats>;
  readonly follow: Method<FollowRequest, FollowResponse>;
  readonly snapshot: Method<SnapshotRequest, SnapshotResponse>;
  readonly beacon: Method<BeaconRequest, BeaconResponse>;
  readonly scan: Method<ScanRequest, ScanResponse>;
  readonly search: Method<SearchRequest, SearchResponse>;
  readonly aggregate: Method<AggregateRequest, AggregateResponse>;
  readonly watch: Method<WatchRequest, WatchResponse>;
  readonly health: Method<undefined, boolean>;
}

/** A request without fields. Whatever a newer peer puts into it is for a newer server. */
const nothingCodec: MessageCodec<undefined> = {
  encode: () => Buffer.alloc(0),
  decode: () => undefined,
};

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export function method<Request, Response>(
  { path, requestStream, responseStream }: MethodShape,
  request: MessageCodec<Request>,
  response: MessageCodec<Response>,
): Method<Request, Response> {
  const definition = {
    path,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { definition, request, response };
}

const healthCheckShape: MethodShape = {
  path: '/grpc.health.v1.Health/Check',
  requestStream: false,
  responseStream: false,
};

/** The methods with codecs of their own: the hand-made ones keep state between messages, so each owner has a set. */
export function createMethods(): Methods {
  const { InfoService, ShardService, ReplicationService, QueryService, FeedService } = contract;
  const batchRequest = new BatchRequestCodec();
  const batchResponse = new BatchResponseCodec(topologyCodec);
  return {
    session: method(InfoService.service.Session, nodeMessageCodec, infoMessageCodec),
    watchTopology: method(InfoService.service.WatchTopology, nothingCodec, topologyUpdateCodec),
    describeCluster: method(InfoService.service.DescribeCluster, nothingCodec, descriptionCodec),
    createKeyspace: method(InfoService.service.CreateKeyspace, createKeyspaceRequestCodec, createKeyspaceResponseCodec),
    dropKeyspace: method(InfoService.service.DropKeyspace, dropKeyspaceRequestCodec, dropKeyspaceResponseCodec),
    promote: method(InfoService.service.Promote, promoteRequestCodec, promoteResponseCodec),
    batch: method(ShardService.service.Batch, batchRequest, batchResponse),
    execute: method(
      ShardService.service.Execute,
      new EnvelopeCodec(batchRequest, 'ExecuteRequest.batch'),
      new EnvelopeCodec(batchResponse, 'ExecuteResponse.batch'),
    ),
    getStats: method(ShardService.service.GetStats, nothingCodec, statsCodec),
    follow: method(ReplicationService.service.Follow, followRequestCodec, new FollowResponseCodec()),
    snapshot: method(ReplicationService.service.Snapshot, snapshotRequestCodec, snapshotResponseCodec),
    beacon: method(ReplicationService.service.Beacon, beaconRequestCodec, beaconResponseCodec),
    scan: method(QueryService.service.Scan, scanRequestCodec, new RecordPageCodec('scan', topologyCodec)),
    search: method(QueryService.service.Search, searchRequestCodec, new RecordPageCodec('search', topologyCodec)),
    aggregate: method(QueryService.service.Aggregate, aggregateRequestCodec, new AggregateResponseCodec(topologyCodec)),
    watch: method(FeedService.service.Watch, watchRequestCodec, new WatchResponseCodec()),
    health: method(healthCheckShape, nothingCodec, healthCodec),
  };
}
