/** What the tests of the client share: a client over a cluster in memory, and ways to wait and to catch. */
import { EdisError } from '@edis/core';
import { systemEnvironment } from './environment.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { openClient } from './open.ts';
import type { OpenClient } from './open-client.ts';
import { type ConnectOptions, resolveOptions } from './options.ts';

export async function openOver(
  cluster: FakeCluster,
  options: Partial<ConnectOptions> = {},
  environment = systemEnvironment,
): Promise<OpenClient> {
  const config = resolveOptions({ info: cluster.info, timeoutMs: 2_000, ...options });
  return openClient(config, options.signal, cluster.transport, environment);
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export async function failureOf(promise: Promise<unknown>): Promise<EdisError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof EdisError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

export function textOf(value: Uint8Array | undefined): string {
  return Buffer.from(value ?? []).toString();
}

/** A call as JavaScript can make it and no type allows. */
export async function callUntyped(client: OpenClient, name: keyof OpenClient, ...args: unknown[]): Promise<unknown> {
  const call: unknown = Reflect.get(client, name);
  if (typeof call !== 'function') throw new Error(`the client has no call ${String(name)}`);
  const answer: unknown = await Reflect.apply(call, client, args);
  return answer;
}
