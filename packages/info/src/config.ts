import { maxShards } from '@edis/core';
import { commonSettings, defineSettings } from '@edis/process';

const minuteMs = 60_000;

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
});

export type InfoConfig = ReturnType<typeof settings.parse>;
