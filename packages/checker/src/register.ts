/**
 * The sequential model of one key: what each operation does to the record, and whether that is what its caller was
 * told.
 *
 * Versions rise with each write of a key. A write of unknown outcome has a version that nobody knows yet; the first
 * answer that names it makes it known.
 *
 * A write that is on record as lost (it stood in a log that was cut at a change of epoch) makes the record uncertain:
 * what was before it is kept, and the loss brings it back. While a lost write is in the record, no surviving write can
 * come: in the log it would have stood behind the lost one, and would have been cut with it. A log may be cut several
 * times, each time further down; so what is kept is a stack.
 */
import type { Answer, Call } from './history.ts';

export interface RegisterRecord {
  readonly value: string;
  /** Undefined: nobody has been told yet. */
  readonly version: number | undefined;
}

export interface RegisterState {
  readonly record: RegisterRecord | undefined;
  /** Highest version that is known to have been here; the next write is above it. */
  readonly floor: number;
  /** What losses bring back, the oldest first; empty: no lost write is in the record. */
  readonly kept: readonly KeptState[];
}

/** What was there before a lost write. */
export interface KeptState {
  readonly record: RegisterRecord | undefined;
  readonly floor: number;
  /** Any of these takes the write away, and whatever came behind it. */
  readonly losses: readonly number[];
}

const noLosses: readonly KeptState[] = Object.freeze([]);

export const emptyRegister: RegisterState = Object.freeze({ record: undefined, floor: 0, kept: noLosses });

/** What one operation does. */
export interface RegisterStep {
  readonly call: Call;
  /** Undefined: the outcome is unknown. */
  readonly answer: Answer | undefined;
  /** Numbers of the losses of which each has it; empty: it was not lost. */
  readonly losses: readonly number[];
}

/** The state after a step; undefined: the step cannot happen here. */
export function stepRegister(state: RegisterState, step: RegisterStep): RegisterState | undefined {
  const seen = step.answer === undefined ? state : observe(state, step.call, step.answer);
  if (seen === undefined) return undefined;
  const written = effectOf(seen, step);
  if (written === 'impossible') return undefined;
  if (written === 'none') return seen;
  if (step.losses.length > 0) return { ...written, kept: keep(seen, step.losses) };
  if (seen.kept.length > 0 && step.answer !== undefined) return undefined;
  return { ...written, kept: seen.kept };
}

function keep({ record, floor, kept }: RegisterState, losses: readonly number[]): readonly KeptState[] {
  const isKept = kept.at(-1)?.losses.join() === losses.join();
  return isKept ? kept : [...kept, { record, floor, losses }];
}

/** The writes of one loss are gone, and all that came behind the first of them. */
export function loseWrites(state: RegisterState, loss: number): RegisterState {
  const depth = state.kept.findIndex(({ losses }) => losses.includes(loss));
  const before = state.kept[depth];
  if (before === undefined) return state;
  const kept = depth === 0 ? noLosses : state.kept.slice(0, depth);
  return { record: before.record, floor: before.floor, kept };
}

/** The state once it is known what an answer has told about the record before; undefined: it contradicts. */
function observe(state: RegisterState, call: Call, answer: Answer): RegisterState | undefined {
  const { record } = state;
  switch (answer.kind) {
    case 'found':
      return record?.value === answer.value ? learnVersion(state, answer.version) : undefined;
    case 'absent':
      return record === undefined ? state : undefined;
    case 'not-applied':
      return observeRefusal(state, call, answer.present, answer.version);
    case 'removed':
      return (record !== undefined) === answer.existed ? state : undefined;
    case 'written':
    case 'summed':
    case 'appended':
      return state;
  }
}

function observeRefusal(
  state: RegisterState,
  call: Call,
  present: boolean,
  version: number | undefined,
): RegisterState | undefined {
  if ((state.record !== undefined) !== present) return undefined;
  if (call.kind === 'put-if-absent') return present ? learnVersion(state, version) : undefined;
  if (!present || !('ifVersion' in call)) return state;
  const known = version ?? state.record?.version;
  return known === call.ifVersion ? undefined : learnVersion(state, version);
}

function learnVersion(state: RegisterState, version: number | undefined): RegisterState | undefined {
  const { record } = state;
  if (record === undefined) return undefined;
  if (version === undefined || record.version === version) return state;
  if (record.version !== undefined || version <= state.floor) return undefined;
  return { ...state, record: { value: record.value, version }, floor: version };
}

type Effect = Omit<RegisterState, 'kept'> | 'none' | 'impossible';

function effectOf(state: RegisterState, { call, answer }: RegisterStep): Effect {
  if (call.kind === 'get' || answer?.kind === 'not-applied') return 'none';
  if (!isConditionMet(state, call)) return 'impossible';
  if (call.kind === 'delete' || call.kind === 'delete-if-version') {
    if (answer?.kind === 'removed' && !answer.existed) return 'none';
    if (answer === undefined && state.record === undefined) return 'impossible';
    return write(state, undefined, answer);
  }
  const value = valueAfter(state, call);
  if (value === undefined) return 'impossible';
  if (answer?.kind === 'summed' && answer.value !== value) return 'impossible';
  if (answer?.kind === 'appended' && answer.length !== Buffer.byteLength(value)) return 'impossible';
  return write(state, value, answer);
}

function isConditionMet({ record, floor }: RegisterState, call: Call): boolean {
  switch (call.kind) {
    case 'put-if-absent':
      return record === undefined;
    case 'put-if-version':
    case 'delete-if-version':
      if (record === undefined) return false;
      return record.version === undefined ? call.ifVersion > floor : record.version === call.ifVersion;
    case 'get':
    case 'put':
    case 'delete':
    case 'increment':
    case 'append':
      return true;
  }
}

/** Undefined: there is a record that is no number. */
function valueAfter({ record }: RegisterState, call: Exclude<Call, { kind: 'get' | 'delete' | 'delete-if-version' }>) {
  switch (call.kind) {
    case 'put':
    case 'put-if-absent':
    case 'put-if-version':
      return call.value;
    case 'increment': {
      const before = record?.value ?? '0';
      return /^-?\d+$/.test(before) ? String(BigInt(before) + BigInt(call.by)) : undefined;
    }
    case 'append':
      return (record?.value ?? '') + call.value;
  }
}

function write({ floor }: RegisterState, value: string | undefined, answer: Answer | undefined): Effect {
  const version = answer === undefined || answer.kind === 'absent' ? undefined : answer.version;
  if (version !== undefined && version <= floor) return 'impossible';
  return {
    record: value === undefined ? undefined : { value, version },
    floor: version ?? floor,
  };
}
