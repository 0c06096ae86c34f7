import type { Topology } from '@edis/core';
import { EdisError } from '@edis/core';

/** A cluster may have a thousand keyspaces. */
const maxNamesInMessage = 10;

/** Says which keyspaces there are. */
export function noSuchKeyspace({ keyspaces }: Topology, name: string): EdisError {
  const named = keyspaces.slice(0, maxNamesInMessage).map((keyspace) => keyspace.name);
  const more = keyspaces.length > named.length ? ` and ${keyspaces.length - named.length} more` : '';
  const has = `${named.join(', ')}${more}`;
  return new EdisError('no-such-keyspace', `there is no keyspace ${name}; the cluster has ${has}`);
}
