import type { Endpoint } from '@edis/core';
import { EdisError } from '@edis/core';

export interface Address {
  /** Name or IP address; an IPv6 address stands in brackets. */
  readonly host: string;
  /** 0: any free one; only for listening. */
  readonly port: number;
}

/** Reads `HOST:PORT`, with an IPv6 address in brackets. */
export function parseAddress(text: string): Address {
  const match = /^(\[[0-9A-Fa-f:.%a-z]+\]|[^\s:[\]/,=]+):(\d{1,5})$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2]);
  if (host === undefined || port > 65_535) {
    throw new EdisError(
      'usage',
      `'${text}' is not an address; write HOST:PORT, for example localhost:7400 or [::1]:7400`,
    );
  }
  return { host, port };
}

export function formatAddress(address: Address): string {
  return `${address.host}:${address.port}`;
}

const networkPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Reads `[NETWORK=]HOST:PORT`. */
export function parseEndpoint(text: string): Endpoint {
  const separator = text.indexOf('=');
  const network = separator < 0 ? '' : text.slice(0, separator);
  if (separator >= 0 && !networkPattern.test(network)) {
    throw new EdisError(
      'usage',
      `'${text}' does not name a network before '='; write [NETWORK=]HOST:PORT, for example host=localhost:7400`,
    );
  }
  return { network, address: formatAddress(parseAddress(text.slice(separator + 1))) };
}

const everyInterface: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/**
 * What a server tells others about where it is: the endpoints that it was given, else where it listens, with "every
 * interface" told as localhost. Port 0 in an endpoint stands for the port that is really listened on.
 */
export function advertisedEndpoints(
  advertise: readonly Endpoint[],
  listen: string,
  listeningPort: number,
): readonly Endpoint[] {
  const asked = advertise.length > 0 ? advertise : [{ network: '', address: listen }];
  const networks = new Set<string>();
  return asked.map(({ network, address }) => {
    if (networks.has(network)) {
      const which = network === '' ? 'without a network' : `for network '${network}'`;
      throw new EdisError('usage', `--advertise is given twice ${which}; give each endpoint its own network name`);
    }
    networks.add(network);
    const { host, port } = parseAddress(address);
    return {
      network,
      address: formatAddress({
        host: everyInterface.has(host) ? 'localhost' : host,
        port: port === 0 || advertise.length === 0 ? listeningPort : port,
      }),
    };
  });
}
