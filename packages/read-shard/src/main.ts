import { runProcess } from '@edis/process';
import { startMember } from '@edis/shard';
import { settings } from './config.ts';

await runProcess({
  name: 'edis-read-shard',
  settings,
  start: (config, logger) => startMember('read-shard', config, logger),
});
