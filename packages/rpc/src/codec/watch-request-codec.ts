import type { WatchFrom, WatchOpen, WatchRequest } from '@edis/core';
import { unreachable } from '@edis/core';
import { contract } from '../contract.ts';
import type { WatchOpenInput, WatchOpen as WireWatchOpen } from '../generated/edis/v1/WatchOpen.ts';
import type { WatchRequestInput, WatchRequest as WireWatchRequest } from '../generated/edis/v1/WatchRequest.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { malformed } from './message-codec.ts';
import { present, safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/** What a reader says to FeedService.Watch: rare and small, hence proto-loader's coding. */

function fromToWire(from: WatchFrom): Pick<WatchOpenInput, 'start' | 'now' | 'after'> {
  switch (from.kind) {
    case 'start':
      return { start: {} };
    case 'now':
      return { now: {} };
    case 'after':
      return { after: from.position };
    default:
      return unreachable(from);
  }
}

function requestToWire(request: WatchRequest): WatchRequestInput {
  if (request.kind === 'grant') return { grant: { bytes: request.bytes } };
  const { shard, cluster, keyspace, prefix, from, creditBytes } = request;
  return {
    open: { shard, cluster, keyspace, prefix: Buffer.from(prefix, 'latin1'), creditBytes, ...fromToWire(from) },
  };
}

function fromOfWire(wire: WireWatchOpen): WatchFrom {
  if (wire.from === undefined) throw malformed('WatchOpen has neither start nor now nor after');
  switch (wire.from) {
    case 'start':
      return { kind: 'start' };
    case 'now':
      return { kind: 'now' };
    case 'after':
      return { kind: 'after', position: positionFromWire(present(wire.after, 'after'), 'WatchOpen.after') };
    default:
      return unreachable(wire.from);
  }
}

function openFromWire(wire: WireWatchOpen): WatchOpen {
  const { shard, cluster, keyspace, prefix, creditBytes } = wire;
  return {
    kind: 'open',
    shard,
    cluster,
    keyspace,
    prefix: prefix.toString('latin1'),
    from: fromOfWire(wire),
    creditBytes: safeInteger(creditBytes, 'WatchOpen.credit_bytes'),
  };
}

function requestFromWire(wire: WireWatchRequest): WatchRequest {
  if (wire.message === undefined) throw malformed('WatchRequest has no message');
  switch (wire.message) {
    case 'open':
      return openFromWire(present(wire.open, 'open'));
    case 'grant':
      return { kind: 'grant', bytes: safeInteger(present(wire.grant, 'grant').bytes, 'WatchGrant.bytes') };
    default:
      return unreachable(wire.message);
  }
}

export const watchRequestCodec = new LoadedCodec(contract.WatchRequest, requestToWire, requestFromWire);
