import { runProcess } from '@edis/process';
import { startMember } from '@edis/shard';
import { settings } from './config.ts';

await runProcess({
  name: 'edis-write-shard',
  settings,
  start: (config, logger) => startMember('write-shard', { ...config, replicationDelayMs: 0 }, logger),
});
