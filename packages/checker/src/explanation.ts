/**
 * Why an operation has no place: the shortest story that a person can follow. The search knows which operation cannot
 * be placed and what the record may have been by then; here the others are found that make it impossible, and
 * everything before the last quiet moment is left out.
 */
import type { Finding } from './finding.ts';
import type { Answered, HistoryOperation } from './history.ts';
import { hasChanged, isAnswered, isRead, isRemoval, returnOf, versionOf } from './history.ts';
import type { RegisterRecord } from './register.ts';

/** More operations than that nobody reads. */
const maxEvidence = 24;

export function explainViolation(
  key: string,
  operations: readonly HistoryOperation[],
  blocked: HistoryOperation,
  records: readonly (RegisterRecord | undefined)[],
): Finding {
  const story = isAnswered(blocked) ? storyOf(blocked, operations) : undefined;
  const may = records.map((record) =>
    record === undefined ? 'none' : `${JSON.stringify(record.value)}${showVersion(record.version)}`,
  );
  const told = story?.message ?? `#${blocked.id} fits into no order of the operations around it`;
  return {
    rule: 'linearizable',
    key,
    message:
      may.length === 0 ? told : `${told}; in every order of what came before, the record was ${may.join(' or ')}`,
    evidence: evidenceOf(operations, blocked, story?.culprits ?? []),
  };
}

interface Story {
  readonly message: string;
  readonly culprits: readonly HistoryOperation[];
}

function storyOf(blocked: Answered, operations: readonly HistoryOperation[]): Story | undefined {
  const { answer } = blocked.ending;
  if (answer.kind === 'found') return valueStory(blocked, answer.value, answer.version, operations);
  if (answer.kind === 'absent') return absenceStory(blocked, operations);
  if (answer.kind === 'not-applied' || !hasChanged(blocked)) return undefined;
  return writeStory(blocked, operations);
}

function valueStory(
  blocked: Answered,
  value: string,
  version: number | undefined,
  operations: readonly HistoryOperation[],
): Story {
  const writer =
    operations.find((one) => isWriterOf(one, value, version)) ?? operations.find((one) => isWriterOf(one, value));
  const what = `#${blocked.id} read ${JSON.stringify(value)}${showVersion(version)}`;
  if (writer === undefined) return { message: `${what}, which no operation can have written`, culprits: [] };
  const culprits = [writer];
  if (writer.ending.status === 'failed') {
    return { message: `${what}, which #${writer.id} was told it had not written`, culprits };
  }
  if (writer.callMs > blocked.ending.returnMs) {
    return { message: `${what} before #${writer.id} wrote it`, culprits };
  }
  const later = laterChange(writer, blocked, operations);
  if (later === undefined) return { message: `${what} of #${writer.id}, which fits nowhere`, culprits };
  const did = isRemoval(later) ? 'removed' : 'replaced';
  return { message: `${what} of #${writer.id}, which #${later.id} had ${did} before`, culprits: [writer, later] };
}

/** A change that came surely after the write and was done before the read began. */
function laterChange(writer: HistoryOperation, blocked: Answered, operations: readonly HistoryOperation[]) {
  const version = isAnswered(writer) ? versionOf(writer.ending.answer) : undefined;
  return operations.findLast((one) => {
    if (!isAnswered(one) || one === writer || !hasChanged(one) || one.ending.returnMs >= blocked.callMs) return false;
    const otherVersion = versionOf(one.ending.answer);
    if (version !== undefined && otherVersion !== undefined) return otherVersion > version;
    return one.callMs > returnOf(writer);
  });
}

function absenceStory(blocked: Answered, operations: readonly HistoryOperation[]): Story {
  const writer = operations.findLast(
    (one) => isAnswered(one) && hasChanged(one) && !isRemoval(one) && one.ending.returnMs < blocked.callMs,
  );
  const what = `#${blocked.id} read no record`;
  if (writer === undefined) return { message: `${what}, which fits nowhere`, culprits: [] };
  return {
    message: `${what}, although #${writer.id} had written one before and nobody removed it`,
    culprits: [writer],
  };
}

function writeStory(blocked: Answered, operations: readonly HistoryOperation[]): Story | undefined {
  const version = versionOf(blocked.ending.answer);
  const earlier = operations.find(
    (one) =>
      isAnswered(one) &&
      one !== blocked &&
      one.ending.returnMs < blocked.callMs &&
      version !== undefined &&
      (versionOf(one.ending.answer) ?? 0) >= version,
  );
  if (earlier !== undefined && isRead(earlier) && isAnswered(earlier)) {
    const read = `#${earlier.id} read version ${versionOf(earlier.ending.answer)}`;
    return { message: `${read} before #${blocked.id} wrote ${version}`, culprits: [earlier] };
  }
  if (earlier !== undefined) {
    const message = `#${blocked.id} got version ${version}, which is not above what #${earlier.id} was told before`;
    return { message, culprits: [earlier] };
  }
  const { answer } = blocked.ending;
  if (answer.kind !== 'summed') return undefined;
  const twin = operations.find(
    (one) =>
      one !== blocked &&
      isAnswered(one) &&
      one.ending.answer.kind === 'summed' &&
      one.ending.answer.value === answer.value,
  );
  if (twin === undefined) return undefined;
  return { message: `#${blocked.id} and #${twin.id} were both told the sum ${answer.value}`, culprits: [twin] };
}

function isWriterOf(operation: HistoryOperation, value: string, version?: number): boolean {
  const { call, ending } = operation;
  if (isRead(operation)) return false;
  if (version !== undefined)
    return isAnswered(operation) && hasChanged(operation) && writtenVersion(operation) === version;
  if (ending.status === 'ok' && ending.answer.kind === 'summed') return ending.answer.value === value;
  return 'value' in call && call.value === value;
}

function writtenVersion({ ending }: Answered): number | undefined {
  return versionOf(ending.answer);
}

/** The blocked operation, those that make it impossible, and what overlapped since the last quiet moment. */
function evidenceOf(
  operations: readonly HistoryOperation[],
  blocked: HistoryOperation,
  culprits: readonly HistoryOperation[],
): HistoryOperation[] {
  const inTime = operations
    .filter((one) => one.callMs <= returnOf(blocked) && one.ending.status !== 'failed')
    .toSorted((left, right) => left.callMs - right.callMs);
  let start = 0;
  let busyUntilMs = Number.NEGATIVE_INFINITY;
  for (const [index, one] of inTime.entries()) {
    if (one.callMs > busyUntilMs && one.callMs <= blocked.callMs) start = index;
    if (one.ending.status === 'ok') busyUntilMs = Math.max(busyUntilMs, one.ending.returnMs);
  }
  const shown = new Set([blocked, ...culprits, ...inTime.slice(start).slice(-maxEvidence)]);
  return [...shown].toSorted((left, right) => left.callMs - right.callMs);
}

function showVersion(version: number | undefined): string {
  return version === undefined ? '' : ` (version ${version})`;
}
