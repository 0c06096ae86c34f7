import { randomInt } from 'node:crypto';
import { type Ack, EdisError } from '@edis/core';
import { durationMs } from '../amount.ts';
import { ackOption, type OptionTable, type OptionValues } from '../option.ts';

/** What one run does. */
export interface VerifyOptions {
  readonly durationMs: number;
  readonly callers: number;
  readonly keys: number;
  /** Undefined: `quorum` where the cluster has it, else `disk`. */
  readonly ack: Ack | undefined;
  readonly pauses: boolean;
  readonly kills: boolean;
  readonly seed: number;
  readonly historyFile: string | undefined;
}

const defaults = { durationMs: 10_000, callers: 16, keys: 32 } as const;
const maxDurationMs = 24 * 3_600_000;
const maxSeed = 2 ** 31 - 1;

export const verifyOptionTable: OptionTable = {
  duration: { kind: 'text', placeholder: '10s', description: 'how long callers work (default 10s)' },
  callers: { kind: 'text', placeholder: 'N', description: `callers at the same time (default ${defaults.callers})` },
  keys: { kind: 'text', placeholder: 'N', description: `keys that they share (default ${defaults.keys})` },
  ack: { ...ackOption, description: 'of all writes (default quorum where the cluster has it, else disk)' },
  pause: { kind: 'flag', description: 'pause nodes of this machine (SIGSTOP) and let them go on' },
  kill: { kind: 'flag', description: 'kill one primary of this machine; nothing restarts it; needs --yes' },
  yes: { kind: 'flag', description: 'with --kill: the loss of a process is meant' },
  seed: { kind: 'text', placeholder: 'N', description: 'the same choices as in an earlier run' },
  history: {
    kind: 'text',
    placeholder: 'FILE',
    description: 'write every operation as NDJSON',
    completes: 'file',
  },
};

export async function verifyOptionsOf(options: OptionValues): Promise<VerifyOptions> {
  const duration = options.text('duration');
  const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
  const kills = options.flag('kill');
  if (kills && !options.flag('yes')) {
    throw new EdisError('usage', 'verify --kill ends a process that nothing restarts; if that is meant, add --yes');
  }
  if (kills && ack !== undefined && ack !== 'quorum') {
    throw new EdisError('usage', `verify --kill cannot judge --ack ${ack}: what only the killed node had may be gone`);
  }
  return {
    durationMs: duration === undefined ? defaults.durationMs : await durationMs('--duration', duration, maxDurationMs),
    callers: options.integer('callers', 1, 1000) ?? defaults.callers,
    keys: options.integer('keys', 1, 100_000) ?? defaults.keys,
    ack,
    pauses: options.flag('pause'),
    kills,
    seed: options.integer('seed', 0, maxSeed) ?? randomInt(maxSeed),
    historyFile: options.text('history'),
  };
}
