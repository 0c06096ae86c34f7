/**
 * The operations of one key as the search wants them: those that must be placed, in the order of their calls, and apart
 * from them those that may be. Losses are operations too: they bring back what was before the lost writes.
 */
import type { Answer, Call, HistoryOperation } from './history.ts';
import { hasChanged, isAnswered, isRead, isRemoval, versionOf } from './history.ts';
import type { Loss, LostWrite } from './loss.ts';
import type { RegisterState, RegisterStep } from './register.ts';
import { loseWrites, stepRegister } from './register.ts';
import { findSeenWrites, type SeenWrite } from './seen-writes.ts';
import { type Leaves, type Sight, seesAbsence, sightOf, valuesByVersion } from './sight.ts';

export interface TimelineItem {
  /** Undefined: a loss, or a lost write that no operation answers for. */
  readonly source: HistoryOperation | undefined;
  readonly callMs: number;
  /** Infinity for what need not happen. */
  readonly returnMs: number;
  /** Undefined: a loss. */
  readonly step: RegisterStep | undefined;
  /** Changes nothing, whatever the state. */
  readonly isPure: boolean;
  /** Does the same to every state and learns nothing from it. */
  readonly isBlind: boolean;
  /** Of a write that is known to have been done. */
  readonly writtenVersion: number | undefined;
  /** What it sees of a write before it. */
  readonly sight: Sight;
  /** Whether it sees that there is no record. */
  readonly seesAbsence: boolean;
  /** What is there after it, whatever was there before. */
  readonly leaves: Leaves;
  /** What the record of the version that it names is, as some answer tells; undefined: none does. */
  readonly toldValue: string | undefined;
  /** It cannot come when the record has had a higher version; undefined: that is not known. */
  readonly latestFloor: number | undefined;
  /** Equal for optional items that cannot be told apart. */
  readonly likeness: string;
  /** Number of the loss that it is. */
  readonly loss: number | undefined;
  /** Of a write: the losses of which each takes it away; the first of them does. */
  readonly takenBy: readonly number[];
}

export interface KeyTimeline {
  /** By call. */
  readonly required: readonly TimelineItem[];
  /** By call. */
  readonly optional: readonly TimelineItem[];
}

/** @param operations all of one key */
export function timelineOf(key: string, operations: readonly HistoryOperation[], losses: readonly Loss[]): KeyTimeline {
  const lossesOf = new Map<number, number[]>();
  const ghosts = new Map<number, LostWrite>();
  for (const [loss, { writes }] of losses.entries()) {
    for (const write of writes) {
      if (write.key !== key) continue;
      lossesOf.set(write.version, [...(lossesOf.get(write.version) ?? []), loss]);
      ghosts.set(write.version, write);
    }
  }
  const items: TimelineItem[] = [];
  const values = valuesByVersion(operations);
  const seen = findSeenWrites(operations);
  for (const source of operations) {
    if (source.ending.status === 'failed' || (isRead(source) && !isAnswered(source))) continue;
    const operation = withoutDoubt(source, seen.get(source), lossesOf);
    const version = isAnswered(operation) && hasChanged(operation) ? versionOf(operation.ending.answer) : undefined;
    if (version !== undefined) ghosts.delete(version);
    const takenBy = (version === undefined ? undefined : lossesOf.get(version)) ?? [];
    const named = isAnswered(operation) ? versionOf(operation.ending.answer) : undefined;
    const toldValue = named === undefined ? undefined : values.get(named);
    const sees = { sight: sightOf(operation, values), seesAbsence: seesAbsence(operation) };
    items.push({ ...operationItem(operation, takenBy), ...sees, source, toldValue });
  }
  for (const [version, write] of ghosts) {
    items.push(ghostItem(write, operations, lossesOf.get(version) ?? []));
  }
  const touched = new Set(items.flatMap(({ takenBy }) => takenBy));
  for (const [index, loss] of losses.entries()) if (touched.has(index)) items.push(lossItem(loss, index));
  items.sort((left, right) => left.callMs - right.callMs);
  return {
    required: items.filter(({ returnMs }) => returnMs < Number.POSITIVE_INFINITY),
    optional: items.filter(({ returnMs }) => returnMs === Number.POSITIVE_INFINITY),
  };
}

/** A write that somebody saw was done, whatever its caller was told. What was lost may have been done anew. */
function withoutDoubt(
  operation: HistoryOperation,
  seen: SeenWrite | undefined,
  lossesOf: ReadonlyMap<number, readonly number[]>,
): HistoryOperation {
  if (seen === undefined || lossesOf.has(seen.version)) return operation;
  const answer: Answer = { kind: 'written', version: seen.version };
  return { ...operation, ending: { status: 'ok', returnMs: seen.untilMs, answer, place: undefined } };
}

function operationItem(
  operation: HistoryOperation,
  takenBy: readonly number[],
): Omit<TimelineItem, 'source' | 'sight' | 'seesAbsence' | 'toldValue'> {
  const { call, callMs, ending } = operation;
  const answer = ending.status === 'ok' ? ending.answer : undefined;
  const isPure = answer !== undefined && isUnchanging(answer);
  return {
    callMs,
    returnMs: ending.status === 'ok' ? ending.returnMs : Number.POSITIVE_INFINITY,
    step: { call, answer, losses: takenBy },
    isPure,
    isBlind: call.kind === 'put' || (call.kind === 'delete' && answer === undefined),
    writtenVersion: answer === undefined || isPure ? undefined : versionOf(answer),
    leaves: leavesOf(call),
    latestFloor: latestFloorOf(answer, isPure),
    likeness: JSON.stringify(call),
    loss: undefined,
    takenBy,
  };
}

function leavesOf(call: Call): Leaves {
  if (call.kind === 'append' || call.kind === 'increment') return 'anything';
  return 'value' in call ? { value: call.value } : 'nothing';
}

function isUnchanging(answer: Answer): boolean {
  switch (answer.kind) {
    case 'found':
    case 'absent':
    case 'not-applied':
      return true;
    case 'removed':
      return !answer.existed;
    case 'written':
    case 'summed':
    case 'appended':
      return false;
  }
}

function latestFloorOf(answer: Answer | undefined, isPure: boolean): number | undefined {
  const version = answer === undefined ? undefined : versionOf(answer);
  if (version === undefined) return undefined;
  return isPure ? version : version - 1;
}

/** A write that was done and lost before its caller heard of it; the caller may have repeated it since. */
function ghostItem(
  write: LostWrite,
  operations: readonly HistoryOperation[],
  takenBy: readonly number[],
): TimelineItem {
  const { value, version } = write;
  const origins = operations.filter((one) => mayHaveMade(one, value)).map(({ callMs }) => callMs);
  return {
    source: undefined,
    // Nobody knows which of them it was, so it may have come with the first.
    callMs: origins.length === 0 ? Number.NEGATIVE_INFINITY : origins.reduce((left, right) => Math.min(left, right)),
    returnMs: Number.POSITIVE_INFINITY,
    step:
      value === undefined
        ? { call: { kind: 'delete' }, answer: { kind: 'removed', existed: true, version }, losses: takenBy }
        : { call: { kind: 'put', value }, answer: { kind: 'written', version }, losses: takenBy },
    isPure: false,
    isBlind: value !== undefined,
    writtenVersion: version,
    sight: 'something',
    seesAbsence: true,
    toldValue: undefined,
    leaves: 'anything',
    latestFloor: undefined,
    likeness: `lost ${version}`,
    loss: undefined,
    takenBy,
  };
}

/** What an increment or an append makes depends on what was there. */
function mayHaveMade({ call, ending }: HistoryOperation, value: string | undefined): boolean {
  if (ending.status === 'failed') return false;
  if (value === undefined) return isRemoval({ call });
  return call.kind === 'increment' || call.kind === 'append' || ('value' in call && call.value === value);
}

function lossItem({ fromMs, toMs }: Loss, index: number): TimelineItem {
  return {
    source: undefined,
    callMs: fromMs,
    returnMs: toMs ?? Number.POSITIVE_INFINITY,
    step: undefined,
    isPure: false,
    isBlind: true,
    writtenVersion: undefined,
    sight: 'something',
    seesAbsence: true,
    toldValue: undefined,
    leaves: 'anything',
    latestFloor: undefined,
    likeness: `loss ${index}`,
    loss: index,
    takenBy: [],
  };
}

/** The state after an item; undefined: it cannot come here. */
export function stepItem(state: RegisterState, { step, toldValue, loss }: TimelineItem): RegisterState | undefined {
  if (step === undefined) return loss === undefined ? state : loseWrites(state, loss);
  const next = stepRegister(state, step);
  return toldValue === undefined || next?.record?.value === toldValue ? next : undefined;
}
