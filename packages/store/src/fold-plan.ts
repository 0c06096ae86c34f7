import type { Overlay, OverlayEntry } from './overlay.ts';
import { writeAfter } from './overlay.ts';

/** Which entries of the overlay become one batch of the view, and in what portions its rows are built. */

/**
 * Limits of one batch. LevelDB's copy of it is freed only when its wrapper is garbage collected, so several are in
 * memory at once; beyond some thousand rows a batch is no faster, unless it saves rows.
 */
const maxBatchWrites = 8192;
const maxBatchBytes = 24 * 1024 * 1024;
/** Rows of a batch that takes in all there is, because most of its writes take another's place. */
const maxHotRows = 32_768;
/** From that many writes a row on it is worth it. */
const hotWritesPerRow = 2;
/** One turn of the event loop: some two milliseconds of building rows. */
export const writesPerTurn = 512;
const maxTurnBytes = 1024 * 1024;
/**
 * The entries of the next batch: all, where most writes take another's place, so that a hot key is written once for
 * all its changes; else a portion.
 */
export function entriesToFold(overlay: Overlay, bound: number): OverlayEntry[] {
  const entries: OverlayEntry[] = [];
  let writes = 0;
  let rows = 0;
  let bytes = 0;
  for (let index = 0; rows <= maxHotRows && bytes <= maxBatchBytes; index++) {
    const entry = overlay.entryAt(index);
    if (entry === undefined || entry.position > bound) {
      return writes >= rows * hotWritesPerRow ? entries : portionOf(entries);
    }
    let write = entry.firstWrite;
    for (let count = entry.writeCount; count > 0; count--, write = writeAfter(write)) {
      if (overlay.isSuperseded(write, bound)) continue;
      rows++;
      bytes += overlay.sizeOf(write);
    }
    writes += entry.writeCount;
    entries.push(entry);
  }
  return portionOf(entries);
}

/** The first of these entries that make one batch. */
function portionOf(entries: readonly OverlayEntry[]): OverlayEntry[] {
  const portion: OverlayEntry[] = [];
  let writes = 0;
  let bytes = 0;
  for (const entry of entries) {
    writes += entry.writeCount;
    bytes += entry.bytes;
    if (portion.length > 0 && (writes > maxBatchWrites || bytes > maxBatchBytes)) break;
    portion.push(entry);
  }
  return portion;
}

/** The writes that are not superseded up to a position, in turns of bounded work. */
export function planTurns(overlay: Overlay, entries: readonly OverlayEntry[], upTo: number): number[][] {
  const turns: number[][] = [];
  let turn: number[] = [];
  let bytes = 0;
  for (const entry of entries) {
    let write = entry.firstWrite;
    for (let count = entry.writeCount; count > 0; count--, write = writeAfter(write)) {
      if (overlay.isSuperseded(write, upTo)) continue;
      turn.push(write);
      bytes += overlay.sizeOf(write);
      if (turn.length < writesPerTurn && bytes < maxTurnBytes) continue;
      turns.push(turn);
      turn = [];
      bytes = 0;
    }
  }
  if (turn.length > 0) turns.push(turn);
  return turns;
}
