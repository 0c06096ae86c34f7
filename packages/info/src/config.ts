import { maxShards } from '@edis/core';
import type { SettingsTable } from '@edis/process';
import { commonSettings, defineSettings } from '@edis/process';

const minuteMs = 60_000;

/** Where etcd is, and how infos share it. */
function etcdTable() {
  return {
    etcd: {
      kind: 'list',
      of: 'string',
      flag: 'etcd',
      default: [],
      description: 'where etcd is, as http://HOST:PORT of each of its members; repeatable; with --store etcd',
    },
    etcdPrefix: {
      kind: 'string',
      flag: 'etcd-prefix',
      default: '/edis/',
      maxLength: 256,
      argument: 'PREFIX',
      description: 'what all keys of this cluster in etcd begin with; clusters that share an etcd need one each',
    },
    etcdLeaseMs: {
      kind: 'durationMs',
      flag: 'etcd-lease',
      default: 5000,
      min: 2000,
      max: minuteMs,
      description: 'how long nobody decides after the deciding info was lost; longer than etcd takes to elect a leader',
    },
  } as const satisfies SettingsTable;
}

/** Every setting of edis-info. */
export const settings = defineSettings({
  ...commonSettings({ listen: '0.0.0.0:7400' }),
  initialShards: {
    kind: 'integer',
    flag: 'initial-shards',
    default: 3,
    min: 1,
    max: maxShards,
    description: 'write shards that form the cluster; without effect once it is formed',
  },
  store: {
    kind: 'string',
    flag: 'store',
    default: 'embedded',
    choices: ['embedded', 'etcd'],
    description: 'where the topology is kept',
  },
  ...etcdTable(),
  fencing: {
    kind: 'integer',
    flag: 'fencing',
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description: 'after a move from etcd: a number above that of the info which nodes say they had; kept once given',
  },
  forget: {
    kind: 'list',
    of: 'string',
    flag: 'forget',
    default: [],
    argument: 'NODE',
    description: 'a dead replica that never comes back: its shard is meant to have one less; repeatable',
  },
  reportMs: {
    kind: 'durationMs',
    flag: 'report',
    default: 500,
    min: 10,
    max: minuteMs,
    description: 'how often nodes report',
  },
  deadAfterMs: {
    kind: 'durationMs',
    flag: 'dead-after',
    default: 3000,
    min: 20,
    max: 10 * minuteMs,
    description: 'a node without reports for that long counts as dead; at least twice --report',
  },
  leaseMs: {
    kind: 'durationMs',
    flag: 'lease',
    default: 2000,
    min: 100,
    max: minuteMs,
    description: 'how long a primary may act on what its replicas granted; a lost one is replaced after it',
  },
  rollCallMs: {
    kind: 'durationMs',
    flag: 'roll-call',
    default: 30_000,
    min: 0,
    max: 60 * minuteMs,
    description: 'how long a former primary is waited for when all members of its shard were restarted',
  },
});

export type InfoConfig = ReturnType<typeof settings.parse>;
