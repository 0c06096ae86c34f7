import { unreachable } from './error.ts';
import type { Consistency, Position } from './operation.ts';
import type { MemberRole } from './topology.ts';

/** What a member knows about itself when a read arrives. */
export interface ReaderState {
  readonly role: MemberRole;
  /** True for a primary that may act: its opening entry is synced. */
  readonly active: boolean;
  /** The newest entry that its reads show. */
  readonly applied: Position;
  readonly stalenessMs: number;
}

export interface ReadDemand {
  readonly consistency: Consistency;
  readonly after: Position | undefined;
  readonly maxStalenessMs: number;
}

/** `wait`: until the position is applied, for as long as the member's session wait allows; then it is `too-stale`. */
export type ReadDecision = 'serve' | 'wait' | 'too-stale' | 'not-primary';

/** Negative, zero or positive as `left` is before, at or after `right`. */
export function comparePositions(left: Position, right: Position): number {
  return left.epoch === right.epoch ? left.position - right.position : left.epoch - right.epoch;
}

/** Whether a member may answer a read (design: "Read"). */
export function decideRead(state: ReaderState, demand: ReadDemand): ReadDecision {
  switch (demand.consistency) {
    case 'eventual':
      return state.role === 'learner' ? 'too-stale' : 'serve';
    case 'session':
      if (state.role === 'learner') return 'too-stale';
      if (demand.after === undefined || comparePositions(state.applied, demand.after) >= 0) return 'serve';
      return 'wait';
    case 'bounded':
      if (state.role === 'primary') return state.active ? 'serve' : 'not-primary';
      return state.role === 'replica' && state.stalenessMs <= demand.maxStalenessMs ? 'serve' : 'too-stale';
    case 'strong':
      return state.role === 'primary' && state.active ? 'serve' : 'not-primary';
    default:
      return unreachable(demand.consistency);
  }
}
