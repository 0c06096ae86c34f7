/**
 * No acknowledged write is missing at the end: it is the record, or a later write of the same key has replaced it, or,
 * for what `quorum` was not asked for, it stands in a receipt. And the record at the end is one that somebody wrote.
 */
import type { Ack } from '@edis/core';
import type { Finding } from './finding.ts';
import type { Answered, HistoryOperation } from './history.ts';
import { byKey, hasChanged, isAnswered, isRead, isRemoval } from './history.ts';
import { changedVersion, KeyChanges } from './key-changes.ts';
import { type Loss, LostVersions } from './loss.ts';

export interface FinalRecord {
  readonly value: string;
  readonly version: number;
}

/** What strong reads found when everything had ended; undefined: no record. A key that is missing was not read. */
export type FinalState = ReadonlyMap<string, FinalRecord | undefined>;

export interface DurabilityOptions {
  /** What receipts have. */
  readonly losses?: readonly Loss[];
  /**
   * Acknowledgements that are held to.
   * @default `quorum` and `disk`
   */
  readonly acks?: readonly Ack[];
}

export interface DurabilityVerdict {
  readonly findings: readonly Finding[];
  /** Acknowledged writes of keys that were read at the end. */
  readonly writeCount: number;
  /** Of them, those that are gone and stand in a receipt. */
  readonly receiptedCount: number;
}

export function checkDurability(
  history: readonly HistoryOperation[],
  final: FinalState,
  { losses = [], acks = ['quorum', 'disk'] }: DurabilityOptions = {},
): DurabilityVerdict {
  const lost = new LostVersions(losses);
  const findings: Finding[] = [];
  let writeCount = 0;
  let receiptedCount = 0;
  for (const [key, operations] of byKey(history)) {
    if (!final.has(key)) continue;
    const record = final.get(key);
    const changes = new KeyChanges(operations);
    const owed = changes.changes.filter(({ ack }) => ack !== undefined && acks.includes(ack));
    const kept = owed.filter((one) => one.ack === 'quorum' || !lost.concerns(one));
    writeCount += owed.length;
    receiptedCount += owed.filter((one) => lost.concerns(one)).length;
    findings.push(...owed.filter((one) => one.ack === 'quorum' && lost.concerns(one)).map(receiptedQuorum));
    const finding = judgeNewest(kept.at(-1), record, changes) ?? judgeOrigin(key, record, operations, changes);
    if (finding !== undefined) findings.push(finding);
  }
  return { findings, writeCount, receiptedCount };
}

/** What a quorum had is in no log that is cut: not even when something newer has replaced it since. */
function receiptedQuorum(one: Answered): Finding {
  const message = `#${one.id} was acknowledged (quorum) with version ${changedVersion(one)}, and stands in a receipt`;
  return { rule: 'durable', key: one.key, message, evidence: [one] };
}

/** Versions rise with each write, so the newest one that is owed speaks for all before it. */
function judgeNewest(
  newest: Answered | undefined,
  record: FinalRecord | undefined,
  changes: KeyChanges,
): Finding | undefined {
  if (newest === undefined) return undefined;
  const version = changedVersion(newest);
  const what = `#${newest.id} was acknowledged (${newest.ack}) with version ${version}`;
  const finding = (message: string): Finding => ({ rule: 'durable', key: newest.key, message, evidence: [newest] });
  if (record === undefined) {
    if (isRemoval(newest) || changes.mayBeGone(version, Number.POSITIVE_INFINITY)) return undefined;
    return finding(`${what}, and at the end there is no record, though nobody removed it`);
  }
  if (record.version < version) {
    const verb = isRemoval(newest) ? 'the record that it removed is back, as' : 'the record at the end is';
    return finding(`${what}, and ${verb} version ${record.version}: ${JSON.stringify(record.value)}`);
  }
  return undefined;
}

/** The record at the end was written by an operation that says so, or by one whose outcome nobody knows. */
function judgeOrigin(
  key: string,
  record: FinalRecord | undefined,
  operations: readonly HistoryOperation[],
  changes: KeyChanges,
): Finding | undefined {
  if (record === undefined) return undefined;
  const { value, version } = record;
  const finding = (message: string, evidence: readonly HistoryOperation[]): Finding => {
    const text = `at the end the record is ${JSON.stringify(value)} of version ${version}, ${message}`;
    return { rule: 'durable', key, message: text, evidence };
  };
  const writer = changes.changes.find((one) => changedVersion(one) === version);
  if (writer !== undefined) {
    const written = writtenValue(writer);
    if (written === undefined || written === value) return undefined;
    return finding(`but #${writer.id} wrote ${JSON.stringify(written)}`, [writer]);
  }
  if (operations.some((one) => mayHaveWritten(one, value))) return undefined;
  const aborted = operations.find((one) => one.ending.status === 'failed' && callValue(one) === value);
  if (aborted !== undefined) return finding(`which #${aborted.id} was told it had not written`, [aborted]);
  return finding('which nobody wrote', []);
}

/** Undefined: its answer does not say; `''` for a removal, which no record at the end can come from. */
function writtenValue({ call, ending }: Answered): string | undefined {
  if (ending.answer.kind === 'summed') return ending.answer.value;
  if (call.kind === 'append') return undefined;
  return 'value' in call ? call.value : '';
}

function callValue({ call }: HistoryOperation): string | undefined {
  return 'value' in call && call.kind !== 'append' ? call.value : undefined;
}

function mayHaveWritten(operation: HistoryOperation, value: string): boolean {
  if (isRead(operation) || isRemoval(operation)) return false;
  // An answer without a version says that it was done, not when.
  const isOpen = isAnswered(operation)
    ? hasChanged(operation) && changedVersion(operation) === 0
    : operation.ending.status === 'unknown';
  return isOpen && (callValue(operation) ?? value) === value;
}
