import { EdisError } from '@edis/core';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const maxPort = 65_535;

/** host:port, with an IPv6 host in brackets. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= maxPort)) {
    throw new EdisError(
      'usage',
      `'${text}' is no address to listen on: give HOST:PORT with a port of 0 – ${maxPort}, for example 0.0.0.0:7410`,
    );
  }
  return { host, port };
}

export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
