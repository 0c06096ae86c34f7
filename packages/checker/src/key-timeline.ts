/**
 * The operations of one key as the search wants them: those that must be placed, in the order of their calls, and apart
 * from them those that may be. Losses are operations too: they bring back what was before the lost writes.
 */
import type { Answer, HistoryOperation } from './history.ts';
import { hasChanged, isAnswered, isRead, versionOf } from './history.ts';
import type { Loss, LostWrite } from './loss.ts';
import type { RegisterState, RegisterStep } from './register.ts';
import { loseWrites, stepRegister } from './register.ts';
import { type Sight, sightOf, valuesByVersion } from './sight.ts';

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
  /** Of a write that leaves a record of that value, whatever was there. */
  readonly leaves: string | undefined;
  /** What the record is afterwards, as some answer tells; undefined: none does. */
  readonly toldValue: string | undefined;
  /** It cannot come when the record has had a higher version; undefined: that is not known. */
  readonly latestFloor: number | undefined;
  /** Equal for optional items that cannot be told apart. */
  readonly likeness: string;
  /** Number of the loss that it is, or that takes it away. */
  readonly loss: number | undefined;
}

export interface KeyTimeline {
  /** By call. */
  readonly required: readonly TimelineItem[];
  /** By call. */
  readonly optional: readonly TimelineItem[];
}

/** @param operations all of one key */
export function timelineOf(key: string, operations: readonly HistoryOperation[], losses: readonly Loss[]): KeyTimeline {
  const lossOfVersion = new Map<number, number>();
  const ghosts = new Map<number, LostWrite>();
  for (const [loss, { writes }] of losses.entries()) {
    for (const write of writes) {
      if (write.key !== key) continue;
      lossOfVersion.set(write.version, loss);
      ghosts.set(write.version, write);
    }
  }
  const items: TimelineItem[] = [];
  const values = valuesByVersion(operations);
  for (const operation of operations) {
    if (operation.ending.status === 'failed' || (isRead(operation) && !isAnswered(operation))) continue;
    const version = isAnswered(operation) && hasChanged(operation) ? versionOf(operation.ending.answer) : undefined;
    if (version !== undefined) ghosts.delete(version);
    const loss = version === undefined ? undefined : lossOfVersion.get(version);
    const toldValue = version === undefined ? undefined : values.get(version);
    items.push({ ...operationItem(operation, loss), sight: sightOf(operation, values), toldValue });
  }
  for (const [version, write] of ghosts) items.push(ghostItem(write, operations, lossOfVersion.get(version)));
  const touched = new Set(items.map(({ loss }) => loss));
  for (const [index, loss] of losses.entries()) if (touched.has(index)) items.push(lossItem(loss, index));
  items.sort((left, right) => left.callMs - right.callMs);
  return {
    required: items.filter(({ returnMs }) => returnMs < Number.POSITIVE_INFINITY),
    optional: items.filter(({ returnMs }) => returnMs === Number.POSITIVE_INFINITY),
  };
}

function operationItem(
  operation: HistoryOperation,
  loss: number | undefined,
): Omit<TimelineItem, 'sight' | 'toldValue'> {
  const { call, callMs, ending } = operation;
  const answer = ending.status === 'ok' ? ending.answer : undefined;
  const isPure = answer !== undefined && isUnchanging(answer);
  return {
    source: operation,
    callMs,
    returnMs: ending.status === 'ok' ? ending.returnMs : Number.POSITIVE_INFINITY,
    step: { call, answer, lost: loss !== undefined },
    isPure,
    isBlind: call.kind === 'put' || (call.kind === 'delete' && answer === undefined),
    writtenVersion: answer === undefined || isPure ? undefined : versionOf(answer),
    leaves: 'value' in call && call.kind !== 'append' ? call.value : undefined,
    latestFloor: latestFloorOf(answer, isPure),
    likeness: JSON.stringify(call),
    loss,
  };
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
function ghostItem(write: LostWrite, operations: readonly HistoryOperation[], loss: number | undefined): TimelineItem {
  const { value, version } = write;
  const origin = operations.find(({ call }) => value !== undefined && 'value' in call && call.value === value);
  return {
    source: undefined,
    callMs: origin?.callMs ?? Number.NEGATIVE_INFINITY,
    returnMs: Number.POSITIVE_INFINITY,
    step:
      value === undefined
        ? { call: { kind: 'delete' }, answer: { kind: 'removed', existed: true, version }, lost: true }
        : { call: { kind: 'put', value }, answer: { kind: 'written', version }, lost: true },
    isPure: false,
    isBlind: value !== undefined,
    writtenVersion: version,
    sight: 'something',
    toldValue: undefined,
    leaves: undefined,
    latestFloor: undefined,
    likeness: `lost ${version}`,
    loss,
  };
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
    toldValue: undefined,
    leaves: undefined,
    latestFloor: undefined,
    likeness: `loss ${index}`,
    loss: index,
  };
}

/** The state after an item; undefined: it cannot come here. */
export function stepItem(state: RegisterState, { step, toldValue }: TimelineItem): RegisterState | undefined {
  if (step === undefined) return loseWrites(state);
  const next = stepRegister(state, step);
  return toldValue === undefined || next?.record?.value === toldValue ? next : undefined;
}
