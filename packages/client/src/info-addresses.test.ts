import type { InfoNode, Topology } from '@edis/core';
import { expect, it } from 'vitest';
import { infoAddresses } from './info-addresses.ts';

function infoAt(node: string, port: number): InfoNode {
  const endpoints = [
    { network: 'internal', address: `${node}:7400` },
    { network: 'host', address: `127.0.0.1:${port}` },
  ];
  return { node, endpoints, host: '', pid: 0 };
}

function mapOf(...infos: readonly InfoNode[]): Topology {
  return { cluster: 'c', revision: 1, formed: false, initialShards: 1, infos, keyspaces: [], shards: [] };
}

const pair = mapOf(infoAt('info-1', 7400), infoAt('info-2', 7401));

it('the info that decides is asked before those that stand by, under the name that was given', () => {
  expect(infoAddresses(pair, ['localhost:7401', 'localhost:7400'], 'host')).toEqual([
    'localhost:7400',
    'localhost:7401',
  ]);
});

it('a client that was told of a standby alone asks the one that decides too, in its own network', () => {
  expect(infoAddresses(pair, ['localhost:7401'], 'host')).toEqual(['localhost:7401', '127.0.0.1:7400']);
  expect(infoAddresses(pair, ['info-2:7400'], 'internal')).toEqual(['info-2:7400', 'info-1:7400']);
});

it('a lone info is asked where the client was told, also through a tunnel', () => {
  expect(infoAddresses(mapOf(infoAt('info-1', 7400)), ['tunnel:9'], undefined)).toEqual(['tunnel:9']);
  expect(infoAddresses(mapOf(), ['localhost:7400'], undefined)).toEqual(['localhost:7400']);
});
