import type { HotKey, KeyspaceStats, LatencyFigures, NodeStats } from '@edis/core';
import { contract } from '../contract.ts';
import type { GetStatsResponse, GetStatsResponseInput } from '../generated/edis/v1/GetStatsResponse.ts';
import type { HotKey as WireHotKey } from '../generated/edis/v1/HotKey.ts';
import type { KeyspaceStats as WireKeyspaceStats } from '../generated/edis/v1/KeyspaceStats.ts';
import type { LatencyFigures as WireLatencyFigures } from '../generated/edis/v1/LatencyFigures.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { memberRoleFromWire, memberRoleToWire } from './topology-codec.ts';
import { safeInteger } from './wire-checks.ts';
import { positionFromWire } from './wire-position.ts';

/** The wire has whole numbers only; figures are measured and may have fractions or be slightly below zero. */
function whole(value: number): number {
  return Math.max(0, Math.round(value));
}

function wholeFigures(stats: NodeStats): NodeStats {
  const entries = Object.entries(stats).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'number' ? whole(value) : value,
  ]);
  return Object.assign({}, stats, Object.fromEntries(entries));
}

function latencyToWire({ p50, p99 }: LatencyFigures): LatencyFigures {
  return { p50: whole(p50), p99: whole(p99) };
}

function latencyFromWire(wire: WireLatencyFigures | null): LatencyFigures {
  if (wire === null) return { p50: 0, p99: 0 };
  return { p50: safeInteger(wire.p50, 'LatencyFigures.p50'), p99: safeInteger(wire.p99, 'LatencyFigures.p99') };
}

function keyspaceToWire({ keyspace, recordCount, recordBytes }: KeyspaceStats): KeyspaceStats {
  return { keyspace, recordCount: whole(recordCount), recordBytes: whole(recordBytes) };
}

function keyspaceFromWire({ keyspace, recordCount, recordBytes }: WireKeyspaceStats): KeyspaceStats {
  return {
    keyspace,
    recordCount: safeInteger(recordCount, 'KeyspaceStats.record_count'),
    recordBytes: safeInteger(recordBytes, 'KeyspaceStats.record_bytes'),
  };
}

function hotKeyFromWire({ keyspace, key, operationsPerSecond }: WireHotKey): HotKey {
  return { keyspace, key: key.toString('latin1'), operationsPerSecond };
}

function statsToWire(stats: NodeStats): GetStatsResponseInput {
  return {
    ...wholeFigures(stats),
    role: memberRoleToWire(stats.role),
    readLatencyUs: latencyToWire(stats.readLatencyUs),
    writeLatencyUs: latencyToWire(stats.writeLatencyUs),
    keyspaces: stats.keyspaces.map(keyspaceToWire),
    hotKeys: stats.hotKeys.map(({ keyspace, key, operationsPerSecond }) => ({
      keyspace,
      key: Buffer.from(key, 'latin1'),
      operationsPerSecond: whole(operationsPerSecond),
    })),
  };
}

function statsFromWire(wire: GetStatsResponse): NodeStats {
  for (const [name, value] of Object.entries(wire)) {
    if (typeof value === 'number') safeInteger(value, `GetStatsResponse.${name}`);
  }
  return {
    ...wire,
    role: memberRoleFromWire(wire.role),
    lastEntry: positionFromWire(wire.lastEntry, 'GetStatsResponse.last_entry'),
    readLatencyUs: latencyFromWire(wire.readLatencyUs),
    writeLatencyUs: latencyFromWire(wire.writeLatencyUs),
    keyspaces: wire.keyspaces.map(keyspaceFromWire),
    hotKeys: wire.hotKeys.map(hotKeyFromWire),
  };
}

/**
 * What ShardService.GetStats answers. Plain figures have the same names in core and on the wire, and the compiler
 * checks it.
 */
export const statsCodec = new LoadedCodec(contract.GetStatsResponse, statsToWire, statsFromWire);
