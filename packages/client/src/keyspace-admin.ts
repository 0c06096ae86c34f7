import {
  defaultKeyspaceSettings,
  EdisError,
  type Keyspace,
  type KeyspaceReply,
  type KeyspaceSettings,
  keyspaceNameFault,
  keyspaceSettingsFault,
  type Topology,
} from '@edis/core';
import type { CallContext } from './call-context.ts';
import { afterChange, askForChange, collectStats } from './cluster-queries.ts';
import { noSuchKeyspace } from './no-such-keyspace.ts';
import type { CallOptions } from './options.ts';
import type { KeyspaceDescription, NodeStatsReply } from './results.ts';

/** Creates a keyspace and waits until the client's own map has it. */
export async function createKeyspace(
  context: CallContext,
  name: string,
  given: Partial<KeyspaceSettings>,
  options: CallOptions | undefined,
): Promise<KeyspaceDescription> {
  const countdown = context.countdown('createKeyspace', options);
  refuse(shapeFault(given));
  const settings: KeyspaceSettings = { ...defaultKeyspaceSettings, ...given };
  refuse(keyspaceNameFault(name) ?? keyspaceSettingsFault(settings));
  const { reply } = await askForChange(context, 'createKeyspace', options, (channel, limits) =>
    channel.createKeyspace(name, settings, limits),
  );
  if (reply.kind === 'refused') throw refusal(reply);
  if (reply.kind !== 'created') throw strangeReply('a creation', reply);
  context.parts.watch.expect(reply.revision);
  return afterChange(async () => {
    const topology = await context.parts.waits.until(
      `map with keyspace ${name}`,
      (map) => map.revision >= reply.revision,
      countdown.leftMs(),
      options?.signal,
    );
    const keyspace = topology.keyspaces.find((each) => each.id === reply.keyspace.id) ?? reply.keyspace;
    return describe(keyspace, await primaryStats(context, { ...options, timeoutMs: countdown.leftMs() }));
  });
}

/** Settings are fixed for good: a name that was mistyped must not become a keyspace without what it named. */
function shapeFault(given: Partial<KeyspaceSettings>): string | undefined {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(defaultKeyspaceSettings, name));
  if (unknown !== undefined) {
    const names = Object.keys(defaultKeyspaceSettings).join(', ');
    return `a keyspace has no setting ${JSON.stringify(unknown)}; it has ${names}`;
  }
  const { indexedFields = [], valueSchema = '' } = given;
  if (typeof valueSchema !== 'string') return 'valueSchema is no text; give the name of a schema';
  if (Array.isArray(indexedFields) && indexedFields.every(isIndexedField)) return undefined;
  return "indexedFields is no list of {field, kind}; kind is 'text' or 'number'";
}

function isIndexedField(given: unknown): boolean {
  if (typeof given !== 'object' || given === null || !('field' in given) || !('kind' in given)) return false;
  return typeof given.field === 'string' && (given.kind === 'text' || given.kind === 'number');
}

/**
 * Drops a keyspace and waits until the client's own map has it no longer; false: there is none. One that this map had
 * and that is gone after a request without an answer counts as dropped by that request.
 */
export async function dropKeyspace(
  context: CallContext,
  name: string,
  options: CallOptions | undefined,
): Promise<boolean> {
  const countdown = context.countdown('dropKeyspace', options);
  refuse(keyspaceNameFault(name));
  const known = context.parts.runner.routes.topology.keyspaces.find((each) => each.name === name);
  const { reply, isRepeated } = await askForChange(context, 'dropKeyspace', options, (channel, limits) =>
    channel.dropKeyspace(name, limits),
  );
  const waitUntil = (isDropped: (map: Topology) => boolean): Promise<Topology> =>
    afterChange(async () => {
      const what = `map without keyspace ${name}`;
      return context.parts.waits.until(what, isDropped, countdown.leftMs(), options?.signal);
    });
  if (reply.kind === 'dropped') {
    context.parts.watch.expect(reply.revision);
    await waitUntil((map) => map.revision >= reply.revision);
    return true;
  }
  if (reply.kind !== 'refused') throw strangeReply('a removal', reply);
  if (reply.cause !== 'no-such-keyspace') throw refusal(reply);
  if (!isRepeated || known === undefined) return false;
  await waitUntil((map) => map.keyspaces.every(({ id }) => id !== known.id));
  return true;
}

/** All keyspaces of the client's map, with what the primaries hold of them. */
export async function listKeyspaces(
  context: CallContext,
  options: CallOptions | undefined,
): Promise<KeyspaceDescription[]> {
  const stats = await primaryStats(context, options);
  return context.parts.runner.routes.topology.keyspaces.map((keyspace) => describe(keyspace, stats));
}

/** One keyspace of the client's map. */
export async function describeKeyspace(
  context: CallContext,
  name: string,
  options: CallOptions | undefined,
): Promise<KeyspaceDescription> {
  refuse(keyspaceNameFault(name));
  const { topology } = context.parts.runner.routes;
  const keyspace = topology.keyspaces.find((each) => each.name === name);
  if (keyspace === undefined) throw noSuchKeyspace(topology, name);
  return describe(keyspace, await primaryStats(context, options));
}

/** Undefined: a shard's primary did not answer, so sums would be wrong. */
async function primaryStats(
  context: CallContext,
  options: CallOptions | undefined,
): Promise<readonly NodeStatsReply[] | undefined> {
  const { shards } = context.parts.runner.routes.topology;
  const replies = await collectStats(context, options, 'primaries');
  const answered = replies.filter((reply) => reply.stats !== undefined);
  return answered.length < shards.length ? undefined : answered;
}

function describe(keyspace: Keyspace, replies: readonly NodeStatsReply[] | undefined): KeyspaceDescription {
  const { name, id, strategy, settings } = keyspace;
  if (replies === undefined) return { name, id, strategy, settings, records: undefined, bytes: undefined };
  let records = 0;
  let bytes = 0;
  for (const { stats } of replies) {
    const held = stats?.keyspaces.find((each) => each.keyspace === id);
    records += held?.recordCount ?? 0;
    bytes += held?.recordBytes ?? 0;
  }
  return { name, id, strategy, settings, records, bytes };
}

function refusal(reply: Extract<KeyspaceReply, { kind: 'refused' }>): EdisError {
  return new EdisError(reply.cause === 'exists' ? 'keyspace-exists' : 'invalid-argument', reply.message);
}

/** Nobody knows what an info has done that answers so. */
function strangeReply(what: string, { kind }: KeyspaceReply): EdisError {
  return new EdisError('protocol', `info answered ${what} with ${kind}`, { outcomeUnknown: true });
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new EdisError('invalid-argument', fault);
}
