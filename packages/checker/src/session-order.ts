/**
 * A session never reads older than it wrote or read: not an older version of a key, not no record where it knew one
 * that nobody removed, and no replica's answer from an earlier (epoch, position) of a shard. And what it writes comes
 * after what it wrote or read of that key: the version is above.
 *
 * Reads that promise it are `session` and `strong`; all records that were answered, to `eventual` reads too, count as
 * known. What was lost at a change of epoch is not held against later reads.
 */
import { comparePositions, type Position } from '@edis/core';
import type { Finding } from './finding.ts';
import type { Answered, HistoryOperation } from './history.ts';
import { byKey, hasChanged, isAnswered, isRead, isRemoval, versionOf } from './history.ts';
import { KeyChanges } from './key-changes.ts';
import { type Loss, LostVersions } from './loss.ts';

export interface SessionOrderOptions {
  readonly losses?: readonly Loss[];
}

export interface SessionOrderVerdict {
  readonly findings: readonly Finding[];
  readonly sessionCount: number;
  /** Reads that were compared with what their session knew. */
  readonly readCount: number;
}

export function checkSessions(
  history: readonly HistoryOperation[],
  { losses = [] }: SessionOrderOptions = {},
): SessionOrderVerdict {
  const lost = new LostVersions(losses);
  const changes = new Map([...byKey(history)].map(([key, operations]) => [key, new KeyChanges(operations)]));
  const sessions = new Map<string, HistoryOperation[]>();
  for (const operation of history) {
    const operations = sessions.get(operation.session);
    if (operations === undefined) sessions.set(operation.session, [operation]);
    else operations.push(operation);
  }
  const findings: Finding[] = [];
  let readCount = 0;
  for (const operations of sessions.values()) {
    const memory = new SessionMemory(changes, lost);
    const answered = operations.filter(isAnswered);
    const byReturn = answered.toSorted((left, right) => left.ending.returnMs - right.ending.returnMs);
    let returned = 0;
    for (const operation of answered.toSorted((left, right) => left.callMs - right.callMs)) {
      for (
        let known = byReturn[returned];
        known && known.ending.returnMs < operation.callMs;
        known = byReturn[returned]
      ) {
        memory.learn(known);
        returned += 1;
      }
      if (!promisesOrder(operation)) continue;
      readCount += isRead(operation) ? 1 : 0;
      const finding = memory.judge(operation);
      if (finding !== undefined) findings.push(finding);
    }
  }
  return { findings, sessionCount: sessions.size, readCount };
}

function promisesOrder(operation: HistoryOperation): boolean {
  return !isRead(operation) || operation.consistency === 'session' || operation.consistency === 'strong';
}

interface KnownVersion {
  readonly version: number;
  readonly gone: boolean;
  readonly source: Answered;
}

class SessionMemory {
  readonly #changes: ReadonlyMap<string, KeyChanges>;
  readonly #lost: LostVersions;
  readonly #versions = new Map<string, KnownVersion>();
  readonly #positions = new Map<string, { readonly position: Position; readonly source: Answered }>();

  constructor(changes: ReadonlyMap<string, KeyChanges>, lost: LostVersions) {
    this.#changes = changes;
    this.#lost = lost;
  }

  learn(operation: Answered): void {
    this.#learnPosition(operation);
    const { key, ending } = operation;
    const known = this.#versions.get(key);
    if (ending.answer.kind === 'absent') {
      // A read that promises nothing may have come to a replica that has not even seen what the session knows.
      if (!promisesOrder(operation)) return;
      // Of the removals that may have been seen, the oldest is the one that is certain.
      const changes = this.#changes.get(key);
      const isUncertain = changes?.hasUncertainRemovals === true || this.#lost.hasRemoval(key);
      if (known === undefined || known.gone || isUncertain) return;
      const removal = changes?.firstRemoval(known.version, ending.returnMs);
      const version = removal && versionOf(removal.ending.answer);
      if (version !== undefined) this.#versions.set(key, { version, gone: true, source: operation });
      return;
    }
    const version = versionOf(ending.answer);
    if (version === undefined || version <= (known?.version ?? 0) || this.#lost.has(key, version)) return;
    this.#versions.set(key, {
      version,
      gone: isRemoval(operation) && ending.answer.kind === 'removed',
      source: operation,
    });
  }

  #learnPosition(operation: Answered): void {
    const { position, shard } = operation.ending.place ?? {};
    if (position === undefined || shard === undefined) return;
    const known = this.#positions.get(shard);
    if (known !== undefined && comparePositions(position, known.position) <= 0) return;
    this.#positions.set(shard, { position, source: operation });
  }

  judge(operation: Answered): Finding | undefined {
    return this.#judgeVersion(operation) ?? this.#judgePosition(operation);
  }

  #judgeVersion(operation: Answered): Finding | undefined {
    const { key, session, ending } = operation;
    const { answer, returnMs } = ending;
    const known = this.#versions.get(key);
    if (known === undefined || answer.kind === 'not-applied') return undefined;
    const what = known.gone ? 'a removal' : 'a record';
    const knew = `#${known.source.id} had told it of ${what} of version ${known.version}`;
    const evidence = [known.source, operation];
    if (answer.kind === 'found') {
      if (answer.version === undefined || answer.version >= known.version) return undefined;
      const message = `session ${session} went back: #${operation.id} read version ${answer.version} after ${knew}`;
      return { rule: 'session', key, message, evidence };
    }
    if (answer.kind !== 'absent') {
      const version = hasChanged(operation) ? versionOf(answer) : undefined;
      if (version === undefined || version > known.version || this.#lost.has(key, version)) return undefined;
      const message = `session ${session} went back: #${operation.id} wrote version ${version} after ${knew}`;
      return { rule: 'session', key, message, evidence };
    }
    if (known.gone || this.#changes.get(key)?.mayBeGone(known.version, returnMs) === true) return undefined;
    const read = `session ${session} went back: #${operation.id} read no record`;
    return { rule: 'session', key, message: `${read} after ${knew}, and nobody removed it`, evidence };
  }

  /** A primary answers each record as new as it is, whatever position it names with the answer. */
  #judgePosition(operation: Answered): Finding | undefined {
    const { position, shard, role } = operation.ending.place ?? {};
    if (position === undefined || shard === undefined || role === undefined || role === 'primary' || !isRead(operation))
      return undefined;
    const known = this.#positions.get(shard);
    if (known === undefined || comparePositions(position, known.position) >= 0) return undefined;
    const show = (one: Position) => `epoch ${one.epoch}, position ${one.position}`;
    return {
      rule: 'session',
      key: operation.key,
      message:
        `session ${operation.session} went back on ${shard}: #${operation.id} was answered at ${show(position)} ` +
        `after #${known.source.id} at ${show(known.position)}`,
      evidence: [known.source, operation],
    };
  }
}
