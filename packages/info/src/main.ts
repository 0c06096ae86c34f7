import { runProcess } from '@edis/process';
import { settings } from './config.ts';
import { startInfo } from './start-info.ts';

await runProcess({ name: 'edis-info', settings, start: startInfo });
