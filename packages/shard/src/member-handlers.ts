import type { QueryHandlers, ReplicationHandlers } from '@edis/rpc';
import type { QueryService } from './query-service.ts';

/** Handlers lose their object when they are handed on; the arrows keep it. */
export function queryHandlers(queries: QueryService): QueryHandlers {
  return {
    scan: (request, signal) => queries.scan(request, signal),
    search: (request, signal) => queries.search(request, signal),
    aggregate: (request, signal) => queries.aggregate(request, signal),
  };
}

/** Handlers lose their object when they are handed on; the arrows keep it. */
export function replicationHandlers(side: ReplicationHandlers): ReplicationHandlers {
  return {
    follow: (stream) => side.follow(stream),
    snapshot: (stream) => side.snapshot(stream),
    beacon: (stream) => side.beacon(stream),
  };
}
