import { networkOf, pickEndpoint, type Topology } from '@edis/core';

/**
 * Where to ask for what only the info that decides can answer: there first, which is the map's first, then where the
 * client was told to look. A client that knows only infos that stand by is led to it by their map.
 */
export function infoAddresses(
  topology: Topology,
  given: readonly string[],
  network: string | undefined,
): readonly string[] {
  const [deciding, ...standbys] = topology.infos;
  if (deciding === undefined) return given;
  const isDeciding = (address: string): boolean => networkOf({ ...topology, infos: [deciding] }, address) !== undefined;
  const known = given.filter(isDeciding);
  if (known.length > 0) return [...known, ...given.filter((address) => !isDeciding(address))];
  const address = pickEndpoint(deciding.endpoints, network)?.address;
  return address === undefined || standbys.length === 0 ? given : [...given, address];
}
