import { defineSettings } from '@edis/process';
import { memberSettings } from '@edis/shard';

export const settings = defineSettings({
  ...memberSettings(),
  replicationDelayMs: {
    kind: 'durationMs',
    flag: 'fault-replication-delay',
    default: 0,
    min: 0,
    max: 60_000,
    description: 'fault point of tests: entries count as arrived only that much later',
  },
});
