import type { Client } from './client.ts';
import { systemEnvironment } from './environment.ts';
import { openClient } from './open.ts';
import { type ConnectOptions, resolveOptions } from './options.ts';
import { rpcTransport } from './transport.ts';

/**
 * Connects to a cluster through its info service. Resolves when the first map has arrived, also when the cluster is not
 * formed yet: operations then wait for it. Rejects with 'unreachable' when no info address answers in time.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  return openClient(resolveOptions(options), options.signal, rpcTransport, systemEnvironment);
}
