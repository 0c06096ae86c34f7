import type { NodeStats } from '@edis/core';
import { contract } from '../contract.ts';
import type { GetStatsResponse, GetStatsResponseInput } from '../generated/edis/v1/GetStatsResponse.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { positionFromWire } from './session-codec.ts';
import { memberRoleFromWire, memberRoleToWire } from './topology-codec.ts';
import { safeInteger } from './wire-checks.ts';

/** The wire has whole numbers only; figures are measured and may have fractions or be slightly below zero. */
function wholeFigures(stats: NodeStats): NodeStats {
  const entries = Object.entries(stats).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'number' ? Math.max(0, Math.round(value)) : value,
  ]);
  return Object.assign({}, stats, Object.fromEntries(entries));
}

function statsToWire(stats: NodeStats): GetStatsResponseInput {
  return { ...wholeFigures(stats), role: memberRoleToWire(stats.role) };
}

function statsFromWire(wire: GetStatsResponse): NodeStats {
  for (const [name, value] of Object.entries(wire)) {
    if (typeof value === 'number') safeInteger(value, `GetStatsResponse.${name}`);
  }
  return {
    ...wire,
    role: memberRoleFromWire(wire.role),
    lastEntry: positionFromWire(wire.lastEntry, 'GetStatsResponse.last_entry'),
  };
}

/** What ShardService.GetStats answers. Field names in core and on the wire are the same, and the compiler checks it. */
export const statsCodec = new LoadedCodec(contract.GetStatsResponse, statsToWire, statsFromWire);
