/**
 * The rows in which a cluster's state is kept: one for the cluster, one for each shard, so that a change of one shard
 * writes that shard.
 *
 * LevelDB does not check its blocks when it reads, so each row begins with a CRC-32 of its key and its JSON; a row that
 * fails it is an EdisError 'damaged', never a map with holes.
 */
import { crc32 } from 'node:zlib';
import type {
  ClusterState,
  Endpoint,
  IndexedField,
  InfoNode,
  Keyspace,
  KeyspaceSettings,
  Member,
  Shard,
  ShardRecord,
  SlotRange,
} from '@edis/core';
import { checkClusterState, defaultKeyspaceId, defaultKeyspaceSettings, EdisError } from '@edis/core';
import { StoredValue } from './stored-value.ts';

export interface Row {
  readonly key: string;
  readonly value: string;
}

/** Raised when rows of this version cannot be read by the one before. */
const rowFormat = 3;
/** The first one whose keyspaces have settings, and which remembers ids that were used. */
const keyspaceFormat = 2;
/** The first one whose shards may change their primary. */
const promotionFormat = 3;

export const clusterKey = 'cluster';

/**
 * To a person whose info has damaged data. A copy knows neither of members that have changed since, so that one which
 * counts no longer may lead again, nor of younger keyspaces, whose records the shards would drop.
 */
export const damageAdvice =
  'keep the directory, and put no older copy in its place: members and keyspaces that have changed since would be ' +
  'undone, and records lost; nodes that run have all records, and go on without info';

function shardKey(shard: string): string {
  return `shard/${shard}`;
}

function sealed(key: string, content: unknown): Row {
  const json = JSON.stringify(content);
  return { key, value: `${checksum(key, json)} ${json}` };
}

function checksum(key: string, json: string): string {
  return crc32(json, crc32(key)).toString(16).padStart(8, '0');
}

function opened({ key, value }: Row): StoredValue {
  const json = value.slice(9);
  if (value.slice(0, 9) !== `${checksum(key, json)} `) {
    throw new EdisError('damaged', `info's stored row '${key}' fails its check; ${damageAdvice}`);
  }
  const content: unknown = JSON.parse(json);
  return new StoredValue(content, key);
}

/** The rows that must be written so that what is stored becomes `next`. */
export function changedRows(previous: ClusterState | undefined, next: ClusterState): readonly Row[] {
  const { shards, ...topology } = next.topology;
  const { nextKeyspaceId, forgotten } = next;
  const order = shards.map((shard) => shard.shard);
  const rows = [sealed(clusterKey, { format: rowFormat, ...topology, nextKeyspaceId, forgotten, shards: order })];
  for (const [index, shard] of shards.entries()) {
    const record = next.records[index];
    if (previous?.topology.shards[index] === shard && previous.records[index] === record) continue;
    rows.push(sealed(shardKey(shard.shard), { shard, record }));
  }
  return rows;
}

/** The state that was written; undefined when nothing was. */
export function stateOfRows(rows: Iterable<Row>): ClusterState | undefined {
  const byKey = new Map([...rows].map((row) => [row.key, row]));
  const clusterRow = byKey.get(clusterKey);
  if (clusterRow === undefined) {
    if (byKey.size > 0) throw new EdisError('damaged', `info's stored row '${clusterKey}' is missing`);
    return undefined;
  }
  const cluster = opened(clusterRow);
  const format = cluster.field('format').count();
  if (format > rowFormat) {
    const message = `the data directory has format ${format}, this version reads ${rowFormat}; use a newer one`;
    throw new EdisError('data-directory', message);
  }
  const entries = cluster.field('shards').list((name) => readShardRow(byKey, name.text(), format));
  const forgotten = cluster.field('forgotten');
  const state: ClusterState = {
    topology: {
      cluster: cluster.field('cluster').text(),
      revision: cluster.field('revision').count(),
      formed: cluster.field('formed').flag(),
      initialShards: cluster.field('initialShards').count(),
      infos: cluster.field('infos').list(readInfoNode),
      keyspaces: cluster.field('keyspaces').list((keyspace) => readKeyspace(keyspace, format)),
      shards: entries.map((entry) => entry.shard),
    },
    records: entries.map((entry) => entry.record),
    nextKeyspaceId: format < keyspaceFormat ? defaultKeyspaceId + 1 : cluster.field('nextKeyspaceId').count(),
    ...(forgotten.absent ? {} : { forgotten: forgotten.list((node) => node.text()) }),
  };
  try {
    checkClusterState(state);
  } catch (caught) {
    const { message } = EdisError.from(caught);
    throw new EdisError('damaged', `info's stored rows contradict each other: ${message}`, { cause: caught });
  }
  return state;
}

function readShardRow(
  rows: ReadonlyMap<string, Row>,
  name: string,
  format: number,
): { shard: Shard; record: ShardRecord } {
  const row = rows.get(shardKey(name));
  if (row === undefined) throw new EdisError('damaged', `info's stored row '${shardKey(name)}' is missing`);
  const entry = opened(row);
  const record = readRecord(entry.field('record'), format);
  return { shard: readShard(entry.field('shard'), record), record };
}

function readEndpoint(value: StoredValue): Endpoint {
  return { network: value.field('network').text(), address: value.field('address').text() };
}

function readInfoNode(value: StoredValue): InfoNode {
  return {
    node: value.field('node').text(),
    endpoints: value.field('endpoints').list(readEndpoint),
    host: value.field('host').text(),
    pid: value.field('pid').count(),
  };
}

function readSlotRange(value: StoredValue): SlotRange {
  return {
    from: value.field('from').count(),
    to: value.field('to').count(),
    shard: value.field('shard').text(),
  };
}

function readIndexedField(value: StoredValue): IndexedField {
  return { field: value.field('field').text(), kind: value.field('kind').oneOf(['text', 'number']) };
}

function readSettings(value: StoredValue): KeyspaceSettings {
  const indexedFields = value.field('indexedFields');
  return {
    // JSON leaves out what is undefined: every field is indexed.
    indexedFields: indexedFields.absent ? undefined : indexedFields.list(readIndexedField),
    defaultTtlMs: value.field('defaultTtlMs').count(),
    maxKeyBytes: value.field('maxKeyBytes').count(),
    maxValueBytes: value.field('maxValueBytes').count(),
    valueSchema: value.field('valueSchema').text(),
  };
}

function readKeyspace(value: StoredValue, format: number): Keyspace {
  return {
    id: value.field('id').count(),
    name: value.field('name').text(),
    strategy: value.field('strategy').oneOf(['hash']),
    settings: format < keyspaceFormat ? defaultKeyspaceSettings : readSettings(value.field('settings')),
    slots: value.field('slots').list(readSlotRange),
  };
}

function readMember(value: StoredValue): Member {
  return {
    node: value.field('node').text(),
    store: value.field('store').text(),
    role: value.field('role').oneOf(['primary', 'replica', 'learner']),
    alive: value.field('alive').flag(),
    endpoints: value.field('endpoints').list(readEndpoint),
    host: value.field('host').text(),
    pid: value.field('pid').count(),
  };
}

function readShard(value: StoredValue, record: ShardRecord): Shard {
  return {
    shard: value.field('shard').text(),
    epoch: value.field('epoch').count(),
    primary: value.field('primary').text(),
    configuredSize: value.field('configuredSize').count(),
    members: value.field('members').list(readMember),
    voters: record.members,
  };
}

function readRecord(value: StoredValue, format: number): ShardRecord {
  const epoch = value.field('epoch').count();
  const primary = value.field('primary').text();
  const incarnations = value.field('incarnations').list((entry) => ({
    store: entry.field('store').text(),
    incarnation: entry.field('incarnation').count(),
  }));
  const isOld = format < promotionFormat;
  const promoted = incarnations.find((entry) => entry.store === primary)?.incarnation ?? 0;
  return {
    shard: value.field('shard').text(),
    epoch,
    primarySince: isOld ? epoch : value.field('primarySince').count(),
    primary,
    primaryIncarnation: isOld ? promoted : value.field('primaryIncarnation').count(),
    members: value.field('members').list((store) => store.text()),
    quorum: value.field('quorum').count(),
    configuredSize: value.field('configuredSize').count(),
    incarnations,
  };
}
