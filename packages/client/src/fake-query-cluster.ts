/**
 * Shards in memory for the tests of queries: each answers scans, searches and aggregates from a sorted list, and can be
 * made to fail at each request. No sockets and no streams.
 */
import {
  type AggregateRequest,
  type AggregateResponse,
  Aggregation,
  compareIndexValues,
  comparePositions,
  defaultKeyspaceSettings,
  EdisError,
  indexKindOf,
  type KeyspaceSettings,
  type Member,
  type MemberRole,
  type NodeStats,
  orderingPredicate,
  type Position,
  predicateFilter,
  type QueryHead,
  type QueryRecord,
  type QueryRefusal,
  type RecordPage,
  type ScanRequest,
  type ScanResponse,
  type SearchRequest,
  type SearchResponse,
  type Shard,
  slotOf,
  type Topology,
} from '@edis/core';
import { NodesInUse } from './batch-pace.ts';
import { Changes } from './changes.ts';
import { systemEnvironment } from './environment.ts';
import { evenSlots, fakeClusterId, idleStats } from './fake-topology.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import { resolveOptions } from './options.ts';
import { QueryChannels } from './query-channels.ts';
import type { QueryCall, QueryContext } from './query-runner.ts';
import { RouteTable } from './route-table.ts';
import type { CallLimits, QueryChannel } from './transport.ts';

type Request = ScanRequest | SearchRequest | AggregateRequest;

class FakeQueryNode {
  readonly node: string;
  readonly shard: string;
  readonly role: MemberRole;
  up = true;
  /** Never answers. */
  frozen = false;
  position: Position = { epoch: 1, position: 10 };
  stalenessMs = 0;
  /** Answers, or throws, in the place of the node. */
  intercept: ((request: Request) => QueryRefusal | undefined) | undefined;
  readonly received: Request[] = [];
  readonly records: QueryRecord[];
  statsChange: Partial<NodeStats> = {};
  /** Gives no page of more records, whatever is asked for. */
  maxPage = Number.POSITIVE_INFINITY;

  constructor(node: string, shard: string, role: MemberRole, records: QueryRecord[]) {
    this.node = node;
    this.shard = shard;
    this.role = role;
    this.records = records;
  }

  refusal(request: Request): QueryRefusal | undefined {
    this.received.push(request);
    const { head } = request;
    const intercepted = this.intercept?.(request);
    if (intercepted !== undefined) return intercepted;
    if (head.shard !== this.shard) return { kind: 'wrong-shard', topology: undefined };
    if (head.consistency === 'strong' && this.role !== 'primary') return { kind: 'not-primary', epoch: 1 };
    const isOld = head.after !== undefined && comparePositions(this.position, head.after) < 0;
    const isLate = head.consistency === 'bounded' && this.stalenessMs > head.maxStalenessMs;
    if (isOld || isLate) return { kind: 'too-stale', applied: this.position, stalenessMs: this.stalenessMs };
    return undefined;
  }

  pageOf(found: readonly QueryRecord[], places: readonly string[], asked: number): RecordPage {
    const count = Math.min(asked, this.maxPage);
    return {
      kind: 'records',
      records: found.slice(0, count),
      more: found.length > count,
      places: places.slice(0, count),
      footer: { node: this.node, position: this.position, stalenessMs: this.stalenessMs },
    };
  }
}

export interface FakeRecordInput {
  readonly key: string;
  readonly value?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export class FakeQueryCluster {
  readonly nodes: FakeQueryNode[] = [];
  topology: Topology;
  readonly context: QueryContext;
  readonly offered: Topology[] = [];
  /** Channels that were opened. */
  opened = 0;
  #unanswered = 0;

  constructor(shards: number, replicas: number, settings: KeyspaceSettings = defaultKeyspaceSettings) {
    const made = Array.from({ length: shards }, (_, index) => this.#makeShard(`s${index + 1}`, replicas));
    const slots = evenSlots(made.map(({ shard }) => shard));
    this.topology = {
      cluster: fakeClusterId,
      revision: 1,
      formed: true,
      initialShards: shards,
      infos: [],
      keyspaces: [
        { id: 1, name: 'default', strategy: 'hash', settings, slots },
        { id: 2, name: 'other', strategy: 'hash', settings, slots },
      ],
      shards: made,
    };
    const config = resolveOptions({ info: 'localhost:7400' });
    const owner = {
      onOutcome: () => {},
      onLost: () => {},
      onReady: () => {},
      revision: 1,
      nodesInUse: new NodesInUse(),
    };
    const noStreams = {
      channel: () => {
        throw new Error('queries use no streams');
      },
    };
    const routes = new RouteTable(this.topology, config, owner, noStreams, systemEnvironment);
    routes.update(this.topology, 'localhost:7400');
    const channels = new QueryChannels({ channel: (address) => this.#channel(address) }, systemEnvironment);
    const offer = (topology: Topology): void => {
      this.offered.push(topology);
      routes.update(topology, 'localhost:7400');
    };
    this.context = { routes, environment: systemEnvironment, channels, changes: new Changes(), offer };
  }

  node(name: string): FakeQueryNode {
    const found = this.nodes.find((candidate) => candidate.node === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Waits until every question has its answer, and the asker has had a turn with it. */
  async settled(): Promise<void> {
    do await nextTurn();
    while (this.#unanswered > 0);
  }

  /** Puts records where they belong. */
  fill(records: Iterable<FakeRecordInput>): void {
    const byShard = new Map<string, QueryRecord[]>();
    for (const { key, value = '', metadata } of records) {
      const shard = this.shardOf(key);
      const list = byShard.get(shard) ?? [];
      list.push({ key, value, metadata, version: list.length + 1, expiresAtMs: 0 });
      byShard.set(shard, list);
    }
    for (const node of this.nodes) {
      const list = (byShard.get(node.shard) ?? []).sort((left, right) => (left.key < right.key ? -1 : 1));
      for (const record of list) node.records.push(record);
    }
  }

  shardOf(key: string): string {
    const slot = slotOf(key);
    const ranges = this.topology.keyspaces[0]?.slots ?? [];
    return ranges.find(({ from, to }) => slot >= from && slot <= to)?.shard ?? '';
  }

  #makeShard(name: string, replicas: number): Shard {
    const records: QueryRecord[] = [];
    const members: Member[] = [];
    for (let index = 0; index <= replicas; index++) {
      const role = index === 0 ? 'primary' : 'replica';
      const node = index === 0 ? `${name}-w` : `${name}-r${index}`;
      this.nodes.push(new FakeQueryNode(node, name, role, index === 0 ? records : []));
      const endpoints = [{ network: '', address: `${node}:1` }];
      members.push({ node, store: `store-${node}`, role, alive: true, endpoints, host: '', pid: 0 });
    }
    const voters = members.map(({ store }) => store);
    return { shard: name, epoch: 1, primary: `store-${name}-w`, configuredSize: replicas + 1, members, voters };
  }

  #channel(address: string): QueryChannel {
    this.opened += 1;
    const node = this.nodes.find((candidate) => `${candidate.node}:1` === address);
    const answer = async <Given>(limits: CallLimits, give: (node: FakeQueryNode) => Given): Promise<Given> => {
      this.#unanswered += 1;
      try {
        await nextTurn();
        if (node?.up !== true) throw new EdisError('unreachable', `${address} refused the connection`);
        if (node.frozen) await endOf(limits);
        return give(node);
      } finally {
        this.#unanswered -= 1;
      }
    };
    return {
      scan: (request, limits) => answer(limits, (each) => scanAt(each, request)),
      search: (request, limits) => answer(limits, (each) => searchAt(each, request, this.#settingsOf(request.head))),
      aggregate: (request, limits) =>
        answer(limits, (each) => aggregateAt(each, request, this.#settingsOf(request.head))),
      stats: (limits) => answer(limits, statsOf),
      close: () => {},
    };
  }

  #settingsOf(head: QueryHead): KeyspaceSettings {
    const keyspace = this.topology.keyspaces.find((each) => each.id === head.keyspace);
    return keyspace?.settings ?? defaultKeyspaceSettings;
  }
}

/** A call with the client's defaults. */
export function queryCall(change: Partial<QueryCall> = {}): QueryCall {
  return {
    what: 'scan',
    scope: new KeyspaceScope('default'),
    session: undefined,
    read: { consistency: 'session', maxStalenessMs: 0, token: undefined },
    timeoutMs: 5_000,
    signal: undefined,
    onReply: undefined,
    ...change,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function endOf({ timeoutMs, signal }: CallLimits): Promise<never> {
  return new Promise((_, reject) => {
    const late = (): void => reject(new EdisError('deadline', 'it did not answer'));
    const timer = setTimeout(late, timeoutMs);
    const abort = (): void => {
      clearTimeout(timer);
      reject(new EdisError('closed', 'the call was cancelled'));
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function scanAt(node: FakeQueryNode, request: ScanRequest): ScanResponse {
  const refusal = node.refusal(request);
  if (refusal !== undefined) return refusal;
  const { from, to, maxRecords } = request;
  let begin = 0;
  for (let end = node.records.length; begin < end; ) {
    const middle = (begin + end) >> 1;
    if ((node.records[middle]?.key ?? '') < from) begin = middle + 1;
    else end = middle;
  }
  const page = node.records.slice(begin, begin + maxRecords + 1);
  const found = to === '' ? page : page.filter((record) => record.key < to);
  return node.pageOf(found, [], maxRecords);
}

function searchAt(node: FakeQueryNode, request: SearchRequest, settings: KeyspaceSettings): SearchResponse {
  const refusal = node.refusal(request);
  if (refusal !== undefined) return refusal;
  const { where, after, maxRecords } = request;
  const matches = predicateFilter(where, (field) => indexKindOf(settings, field));
  const field = orderingPredicate(where)?.field;
  const kind = field === undefined ? 'text' : (indexKindOf(settings, field) ?? 'text');
  const valueOf = (record: QueryRecord): string => (field === undefined ? '' : (record.metadata?.[field] ?? ''));
  const compare = (left: { value: string; key: string }, right: { value: string; key: string }): number =>
    compareIndexValues(kind, left.value, right.value) || (left.key < right.key ? -1 : Number(left.key > right.key));
  const found = node.records
    .filter((record) => matches(record.metadata))
    .map((record) => ({ value: valueOf(record), key: record.key, record }))
    .filter((entry) => after === undefined || compare(entry, after) > 0)
    .sort(compare);
  const places = field === undefined ? [] : found.map(({ value }) => value);
  return node.pageOf(
    found.map(({ record }) => record),
    places,
    maxRecords,
  );
}

function aggregateAt(node: FakeQueryNode, request: AggregateRequest, settings: KeyspaceSettings): AggregateResponse {
  const refusal = node.refusal(request);
  if (refusal !== undefined) return refusal;
  const { where, measures, groupBy } = request;
  const matches = predicateFilter(where, (field) => indexKindOf(settings, field));
  const aggregation = new Aggregation(measures, groupBy);
  for (const { key, metadata } of node.records) {
    const fault = where.length === 0 || matches(metadata) ? aggregation.add(key, metadata) : undefined;
    if (fault !== undefined) return { kind: 'invalid', ...fault };
  }
  const groups = aggregation.finish();
  if ('cause' in groups) return { kind: 'invalid', ...groups };
  const footer = { node: node.node, position: node.position, stalenessMs: node.stalenessMs };
  return { kind: 'groups', groups, footer };
}

function statsOf(node: FakeQueryNode): NodeStats {
  const { shard, role, stalenessMs, records, position, statsChange } = node;
  return {
    ...idleStats({ node: node.node, shard, role, stalenessMs, lastEntry: position }),
    recordCount: records.length,
    keyspaces: [{ keyspace: 1, recordCount: records.length, recordBytes: 10 * records.length }],
    ...statsChange,
  };
}
