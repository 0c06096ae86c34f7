import { join, resolve } from 'node:path';
import { EdisError } from '@edis/core';
import type { ClusterOptions } from '@edis/launcher';
import type { OptionTable, OptionValues } from '../option.ts';

export const upOptions: OptionTable = {
  shards: { kind: 'text', placeholder: 'N', description: 'write shards (default 3)' },
  replicas: { kind: 'text', placeholder: 'N', description: 'read shards per write shard (default 1)' },
  data: {
    kind: 'text',
    placeholder: 'DIR',
    description: 'where the data is kept (default .edis here)',
    completes: 'directory',
  },
  port: {
    kind: 'text',
    placeholder: 'PORT',
    description: 'of info; shards from PORT + 10 (default 7400, 0: free ones)',
  },
  host: { kind: 'text', placeholder: 'HOST', description: 'address to listen on (default 127.0.0.1)' },
  ephemeral: { kind: 'flag', description: 'keep everything in memory; nothing is left afterwards' },
  greet: { kind: 'flag', description: 'write and read a few keys when ready, and show what to type next' },
};

const defaults = { shards: 3, replicas: 1, port: 7400, data: '.edis', host: '127.0.0.1' } as const;

/** What `edis up` starts; the launcher checks counts and ports against each other. */
export function clusterOptionsOf(options: OptionValues) {
  const ephemeral = options.flag('ephemeral');
  if (ephemeral && options.text('data') !== undefined) {
    throw new EdisError('usage', '--ephemeral and --data exclude each other; choose one');
  }
  const dataDirectory = ephemeral ? undefined : resolve(options.text('data') ?? defaults.data);
  const clusterOptions = {
    shards: options.integer('shards', 1, 128) ?? defaults.shards,
    replicas: options.integer('replicas', 0, 16) ?? defaults.replicas,
    infoPort: options.integer('port', 0, 65_000) ?? defaults.port,
    host: options.text('host') ?? defaults.host,
    ephemeral,
    dataDirectory,
    logDirectory: dataDirectory === undefined ? undefined : join(dataDirectory, 'logs'),
  } satisfies ClusterOptions;
  return clusterOptions;
}
