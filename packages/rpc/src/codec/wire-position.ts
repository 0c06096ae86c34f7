import type { Position } from '@edis/core';
import type { Position as WirePosition } from '../generated/edis/v1/Position.ts';
import { safeInteger } from './wire-checks.ts';

/** An unset position is the one before the first entry. */
export function positionFromWire(wire: WirePosition | null, field: string): Position {
  if (wire === null) return { epoch: 0, position: 0 };
  return { epoch: safeInteger(wire.epoch, field), position: safeInteger(wire.position, field) };
}
