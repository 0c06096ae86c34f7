/**
 * A bounded read misses no write that was acknowledged longer than its bound before it began. Both times are the
 * clients' own; the tolerance is for what a node may be wrong about its clock's speed.
 */
import type { Finding } from './finding.ts';
import type { Answered, HistoryOperation } from './history.ts';
import { byKey, isAnswered, isRead, isRemoval } from './history.ts';
import { changedVersion, KeyChanges } from './key-changes.ts';
import { type Loss, LostVersions } from './loss.ts';

export interface BoundedStalenessOptions {
  readonly losses?: readonly Loss[];
  /** @default 10 */
  readonly toleranceMs?: number;
}

export interface BoundedStalenessVerdict {
  readonly findings: readonly Finding[];
  readonly readCount: number;
}

export function checkBoundedStaleness(
  history: readonly HistoryOperation[],
  { losses = [], toleranceMs = 10 }: BoundedStalenessOptions = {},
): BoundedStalenessVerdict {
  const lost = new LostVersions(losses);
  const findings: Finding[] = [];
  let readCount = 0;
  for (const operations of byKey(history).values()) {
    const reads = operations.filter((one): one is BoundedRead => isBoundedRead(one));
    if (reads.length === 0) continue;
    readCount += reads.length;
    const changes = new KeyChanges(operations);
    const acknowledged = new NewestByTime(changes.changes.filter((one) => !lost.concerns(one)));
    for (const read of reads) {
      const due = acknowledged.before(read.callMs - read.maxStalenessMs - toleranceMs);
      const finding = judgeClaim(read, toleranceMs) ?? (due === undefined ? undefined : judgeRead(read, due, changes));
      if (finding !== undefined) findings.push(finding);
    }
  }
  return { findings, readCount };
}

type BoundedRead = Answered & { readonly maxStalenessMs: number };

function isBoundedRead(operation: HistoryOperation): operation is BoundedRead {
  return isRead(operation) && isAnswered(operation) && operation.maxStalenessMs !== undefined;
}

/** A node may say how far it was behind some time after it read the record, but not longer than the read took. */
function judgeClaim(read: BoundedRead, toleranceMs: number): Finding | undefined {
  const { stalenessMs } = read.ending.place ?? {};
  const durationMs = read.ending.returnMs - read.callMs;
  if (stalenessMs === undefined || stalenessMs <= read.maxStalenessMs + durationMs + toleranceMs) return undefined;
  const wanted = `#${read.id} asked for at most ${read.maxStalenessMs} ms`;
  const message = `${wanted} and was answered by a node ${stalenessMs} ms behind`;
  return { rule: 'bounded', key: read.key, message, evidence: [read] };
}

function judgeRead(read: BoundedRead, due: Answered, changes: KeyChanges): Finding | undefined {
  const { answer, returnMs } = read.ending;
  const version = changedVersion(due);
  if (answer.kind === 'found' && (answer.version === undefined || answer.version >= version)) return undefined;
  if (answer.kind === 'absent' && (isRemoval(due) || changes.mayBeGone(version, returnMs))) return undefined;
  const ageMs = (read.callMs - due.ending.returnMs).toFixed(1);
  return {
    rule: 'bounded',
    key: read.key,
    message:
      `#${read.id} may be ${read.maxStalenessMs} ms old and misses version ${version} of #${due.id}, ` +
      `which was acknowledged ${ageMs} ms before it began`,
    evidence: [due, read],
  };
}

/** The newest version that was acknowledged before a moment. */
class NewestByTime {
  readonly #newest: Answered[] = [];

  constructor(changes: readonly Answered[]) {
    for (const change of changes.toSorted((left, right) => left.ending.returnMs - right.ending.returnMs)) {
      const last = this.#newest.at(-1);
      if (last === undefined || changedVersion(change) > changedVersion(last)) this.#newest.push(change);
    }
  }

  before(moment: number): Answered | undefined {
    let low = 0;
    let high = this.#newest.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#newest[middle]?.ending.returnMs ?? Number.POSITIVE_INFINITY) < moment) low = middle + 1;
      else high = middle;
    }
    return this.#newest[low - 1];
  }
}
