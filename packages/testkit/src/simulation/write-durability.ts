import type { HistoryOperation } from '@edis/checker';
import { isAnswered, showOperation } from '@edis/checker';
import type { Store } from '@edis/store';
import type { Breach, LogObserver } from './log-observer.ts';

export interface EndOfRun {
  readonly history: readonly HistoryOperation[];
  readonly log: LogObserver;
  /** Of a member that is level with all others. */
  readonly store: Pick<Store, 'epochAt'>;
  /** Versions that receipts and lost disks had. */
  readonly excused: ReadonlySet<number>;
  /** Of an unsafe promotion: what has an entry of a lower epoch may be lost, if it is excused. 0: there was none. */
  readonly unsafeEpoch: number;
}

export interface WriteVerdict {
  readonly breaches: readonly Breach[];
  /** Acknowledged `quorum` writes that an operator gave up, and that a receipt has. */
  readonly givenUp: number;
}

/**
 * Rule: the very entry of each acknowledged write is in the log at the end; of one that only `disk` was asked for, it
 * may be in a receipt instead, and so may any that an operator gave up. (A checker of histories cannot see the loss of
 * a write that nobody has read before the next one of the same key replaced it.)
 */
export function judgeWrites({ history, log, store, excused, unsafeEpoch }: EndOfRun): WriteVerdict {
  const breaches: Breach[] = [];
  let givenUp = 0;
  for (const operation of history) {
    const version = ownVersion(operation);
    const { ack } = operation;
    if (version === undefined || (ack !== 'quorum' && ack !== 'disk')) continue;
    const places = log.placesOf(version);
    // What was there before the run, or is named by its record's earlier version, has no entry of its own.
    if (places.length === 0 || places.some(({ epoch, position }) => store.epochAt(position) === epoch)) continue;
    const isGivenUp = places.every(({ epoch }) => epoch < unsafeEpoch);
    if (excused.has(version) && (ack === 'disk' || isGivenUp)) {
      if (ack === 'quorum') givenUp += 1;
      continue;
    }
    const at = places.map(({ epoch, position }) => `${epoch}:${position}`).join(', ');
    const what = `the log at the end lacks entry ${at} of ${showOperation(operation)}`;
    breaches.push({ rule: `${ack} writes stay`, what });
  }
  return { breaches, givenUp };
}

/** The version that a write made. */
function ownVersion(operation: HistoryOperation): number | undefined {
  if (!isAnswered(operation)) return undefined;
  const { answer } = operation.ending;
  switch (answer.kind) {
    case 'written':
    case 'removed':
    case 'summed':
    case 'appended':
      return answer.version;
    case 'found':
    case 'absent':
    case 'not-applied':
      return undefined;
  }
}
