import type {
  BeaconRequest,
  BeaconResponse,
  EpochStart,
  FollowRequest,
  SnapshotRequest,
  SnapshotResponse,
} from '@edis/core';
import { unreachable } from '@edis/core';
import { contract } from '../contract.ts';
import type { BeaconResponse as WireBeaconResponse } from '../generated/edis/v1/BeaconResponse.ts';
import type { EpochStartInput, EpochStart as WireEpochStart } from '../generated/edis/v1/EpochStart.ts';
import type { FollowAcknowledge as WireFollowAcknowledge } from '../generated/edis/v1/FollowAcknowledge.ts';
import type { FollowOpen as WireFollowOpen } from '../generated/edis/v1/FollowOpen.ts';
import type { FollowRequestInput, FollowRequest as WireFollowRequest } from '../generated/edis/v1/FollowRequest.ts';
import type { SnapshotPage as WireSnapshotPage } from '../generated/edis/v1/SnapshotPage.ts';
import type {
  SnapshotRequestInput,
  SnapshotRequest as WireSnapshotRequest,
} from '../generated/edis/v1/SnapshotRequest.ts';
import type {
  SnapshotResponseInput,
  SnapshotResponse as WireSnapshotResponse,
} from '../generated/edis/v1/SnapshotResponse.ts';
import type { SnapshotStart as WireSnapshotStart } from '../generated/edis/v1/SnapshotStart.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { malformed } from './message-codec.ts';
import { present, safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/**
 * The control messages of ReplicationService; the stream of entries has a codec of its own (follow-response-
 * codec.ts).
 */

function epochsFromWire(epochs: readonly WireEpochStart[]): EpochStart[] {
  return epochs.map(({ epoch, firstPosition }) => ({
    epoch: safeInteger(epoch, 'EpochStart.epoch'),
    firstPosition: safeInteger(firstPosition, 'EpochStart.first_position'),
  }));
}

function epochsToWire(epochs: readonly EpochStart[]): EpochStartInput[] {
  return epochs.map(({ epoch, firstPosition }) => ({ epoch, firstPosition }));
}

function followRequestToWire(request: FollowRequest): FollowRequestInput {
  switch (request.kind) {
    case 'open': {
      const { shard, cluster, store, node, epoch, lastEntry, creditBytes } = request;
      return { open: { shard, cluster, store, node, epoch, lastEntry, creditBytes } };
    }
    case 'acknowledge': {
      const { durablePosition, appliedPosition, receivedPosition } = request;
      return { acknowledge: { durablePosition, appliedPosition, receivedPosition } };
    }
    default:
      return unreachable(request);
  }
}

function followOpenFromWire(wire: WireFollowOpen): FollowRequest {
  const { shard, cluster, store, node, epoch, lastEntry, creditBytes } = wire;
  return {
    kind: 'open',
    shard,
    cluster,
    store,
    node,
    epoch: safeInteger(epoch, 'FollowOpen.epoch'),
    lastEntry: positionFromWire(lastEntry, 'FollowOpen.last_entry'),
    creditBytes: safeInteger(creditBytes, 'FollowOpen.credit_bytes'),
  };
}

function acknowledgeFromWire(wire: WireFollowAcknowledge): FollowRequest {
  return {
    kind: 'acknowledge',
    durablePosition: safeInteger(wire.durablePosition, 'FollowAcknowledge.durable_position'),
    appliedPosition: safeInteger(wire.appliedPosition, 'FollowAcknowledge.applied_position'),
    receivedPosition: safeInteger(wire.receivedPosition, 'FollowAcknowledge.received_position'),
  };
}

function followRequestFromWire(wire: WireFollowRequest): FollowRequest {
  if (wire.message === undefined) throw malformed('FollowRequest has no message');
  switch (wire.message) {
    case 'open':
      return followOpenFromWire(present(wire.open, 'open'));
    case 'acknowledge':
      return acknowledgeFromWire(present(wire.acknowledge, 'acknowledge'));
    default:
      return unreachable(wire.message);
  }
}

function snapshotRequestToWire(request: SnapshotRequest): SnapshotRequestInput {
  switch (request.kind) {
    case 'open':
      return { open: { shard: request.shard, cluster: request.cluster, store: request.store } };
    case 'grant':
      return { grant: { pages: request.pages } };
    default:
      return unreachable(request);
  }
}

function snapshotRequestFromWire(wire: WireSnapshotRequest): SnapshotRequest {
  if (wire.message === undefined) throw malformed('SnapshotRequest has no message');
  switch (wire.message) {
    case 'open': {
      const { shard, cluster, store } = present(wire.open, 'open');
      return { kind: 'open', shard, cluster, store };
    }
    case 'grant': {
      const { pages } = present(wire.grant, 'grant');
      if (pages < 1) throw malformed('SnapshotGrant.pages is 0');
      return { kind: 'grant', pages };
    }
    default:
      return unreachable(wire.message);
  }
}

function snapshotResponseToWire(response: SnapshotResponse): SnapshotResponseInput {
  switch (response.kind) {
    case 'start': {
      const { position, timestamp, epochs, recordCount, contentHash } = response;
      return { start: { position, timestamp, epochs: epochsToWire(epochs), recordCount, contentHash } };
    }
    case 'page':
      return { page: { keys: [...response.keys], values: [...response.values] } };
    case 'end':
      return { end: { rowCount: response.rowCount } };
    default:
      return unreachable(response);
  }
}

function snapshotStartFromWire(wire: WireSnapshotStart): SnapshotResponse {
  return {
    kind: 'start',
    position: positionFromWire(wire.position, 'SnapshotStart.position'),
    timestamp: safeInteger(wire.timestamp, 'SnapshotStart.timestamp'),
    epochs: epochsFromWire(wire.epochs),
    recordCount: safeInteger(wire.recordCount, 'SnapshotStart.record_count'),
    contentHash: wire.contentHash,
  };
}

function snapshotPageFromWire({ keys, values }: WireSnapshotPage): SnapshotResponse {
  if (keys.length !== values.length) {
    throw malformed(`SnapshotPage has ${keys.length} keys, but ${values.length} values`);
  }
  return { kind: 'page', keys, values };
}

function snapshotResponseFromWire(wire: WireSnapshotResponse): SnapshotResponse {
  if (wire.message === undefined) throw malformed('SnapshotResponse has no message');
  switch (wire.message) {
    case 'start':
      return snapshotStartFromWire(present(wire.start, 'start'));
    case 'page':
      return snapshotPageFromWire(present(wire.page, 'page'));
    case 'end':
      return { kind: 'end', rowCount: safeInteger(present(wire.end, 'end').rowCount, 'SnapshotEnd.row_count') };
    default:
      return unreachable(wire.message);
  }
}

function stamp(stampMs: number): number {
  if (!Number.isFinite(stampMs)) throw malformed(`stamp_ms is ${stampMs}`);
  return stampMs;
}

function beaconResponseFromWire(wire: WireBeaconResponse): BeaconResponse {
  return {
    epoch: safeInteger(wire.epoch, 'BeaconResponse.epoch'),
    since: safeInteger(wire.since, 'BeaconResponse.since'),
    lastPosition: safeInteger(wire.lastPosition, 'BeaconResponse.last_position'),
    stampMs: stamp(wire.stampMs),
    leaseMs: wire.leaseMs,
    number: safeInteger(wire.number, 'BeaconResponse.number'),
  };
}

export const followRequestCodec = new LoadedCodec(contract.FollowRequest, followRequestToWire, followRequestFromWire);

export const snapshotRequestCodec = new LoadedCodec(
  contract.SnapshotRequest,
  snapshotRequestToWire,
  snapshotRequestFromWire,
);

export const snapshotResponseCodec = new LoadedCodec(
  contract.SnapshotResponse,
  snapshotResponseToWire,
  snapshotResponseFromWire,
);

export const beaconRequestCodec = new LoadedCodec(
  contract.BeaconRequest,
  ({ shard, store, stampMs, granted }: BeaconRequest) => ({ shard, store, stampMs, granted }),
  ({ shard, store, stampMs, granted }): BeaconRequest => ({
    shard,
    store,
    stampMs: stamp(stampMs),
    granted: safeInteger(granted, 'BeaconRequest.granted'),
  }),
);

export const beaconResponseCodec = new LoadedCodec(
  contract.BeaconResponse,
  ({ epoch, since, lastPosition, stampMs, leaseMs, number }: BeaconResponse) => ({
    epoch,
    since,
    lastPosition,
    stampMs,
    leaseMs,
    number,
  }),
  beaconResponseFromWire,
);
