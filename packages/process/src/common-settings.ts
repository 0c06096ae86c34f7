import { limits } from '@edis/core';
import { logLevels } from './logger.ts';
import type { SettingsTable } from './setting.ts';

const minuteMs = 60_000;

/** What every binary's table has; spread it into the table of the role. */
export function commonSettings(role: { readonly listen: string }) {
  return {
    node: {
      kind: 'string',
      flag: 'node',
      default: undefined,
      maxLength: limits.maxNodeNameLength,
      argument: 'NAME',
      description: 'name of the process; without it one is made and kept in the data directory',
    },
    listen: {
      kind: 'address',
      flag: 'listen',
      default: role.listen,
      allowPortZero: true,
      description: 'where to listen; port 0 takes a free one',
    },
    advertise: {
      kind: 'list',
      of: 'endpoint',
      flag: 'advertise',
      default: [],
      description: 'where others reach this process, one per network; repeatable; without it the listen address',
    },
    data: {
      kind: 'string',
      flag: 'data',
      default: undefined,
      argument: 'DIR',
      description: 'data directory, made if missing',
    },
    ephemeral: {
      kind: 'boolean',
      flag: 'ephemeral',
      default: false,
      description: 'keep everything in memory and forget it at the end',
    },
    logLevel: {
      kind: 'string',
      flag: 'log-level',
      default: 'info',
      choices: logLevels,
      argument: 'LEVEL',
      description: `least important lines to log: ${logLevels.join(', ')}`,
    },
    drainMs: {
      kind: 'durationMs',
      flag: 'drain',
      default: 10_000,
      min: 0,
      max: 10 * minuteMs,
      description: 'how long a SIGTERM waits for work in progress',
    },
    exitWithStdin: {
      kind: 'boolean',
      flag: 'exit-with-stdin',
      default: false,
      description: 'drain when stdin closes, without a hand-over, and ignore SIGINT; for a launcher',
    },
  } as const satisfies SettingsTable;
}
