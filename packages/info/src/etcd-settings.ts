import { EdisError } from '@edis/core';
import { formatAddress, parseAddress } from '@edis/process';
import type { InfoConfig } from './config.ts';

/** What `--store etcd` needs. */
export interface EtcdSettings {
  /** host:port of each endpoint, at least one. */
  readonly addresses: readonly string[];
  /** Of all keys; ends with a slash. */
  readonly prefix: string;
  readonly leaseMs: number;
}

/** Refuses settings that contradict each other, before anything is opened. */
export function etcdSettings(config: InfoConfig): EtcdSettings | undefined {
  if (config.store !== 'etcd') {
    if (config.etcd.length === 0) return undefined;
    throw new EdisError('usage', '--etcd has no effect without --store etcd; give both or neither');
  }
  if (config.etcd.length === 0) {
    throw new EdisError('usage', '--store etcd: where is etcd? give --etcd http://HOST:PORT, repeated for each member');
  }
  if (config.ephemeral) {
    throw new EdisError('usage', '--ephemeral and --store etcd contradict each other: etcd keeps the topology');
  }
  if (config.fencing > 0) {
    throw new EdisError('usage', '--fencing has no effect with --store etcd: etcd numbers the infos that decide');
  }
  const prefix = config.etcdPrefix.endsWith('/') ? config.etcdPrefix : `${config.etcdPrefix}/`;
  return { addresses: config.etcd.map(addressOf), prefix, leaseMs: config.etcdLeaseMs };
}

/** etcd calls its endpoints by URL; what counts is the address. */
function addressOf(endpoint: string): string {
  const [, scheme, rest = endpoint] = /^([a-z]+):\/\/(.*)$/i.exec(endpoint) ?? [];
  if (scheme !== undefined && scheme.toLowerCase() !== 'http') {
    throw new EdisError('usage', `--etcd: '${endpoint}' is not http://HOST:PORT; TLS is not available yet`);
  }
  const address = parseAddress(rest.replace(/\/$/, ''));
  if (address.port === 0) throw new EdisError('usage', `--etcd: '${endpoint}' has port 0, where nobody answers`);
  return formatAddress(address);
}

/** Refuses servers whose API lacks what is used, or may have changed it. */
export function checkEtcdVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 3 && minor >= 4) return;
  throw new EdisError('usage', `etcd has version ${version || 'unknown'}; Edis needs 3.4 or a later 3`);
}
