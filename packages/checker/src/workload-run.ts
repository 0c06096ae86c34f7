/** Lets callers do a workload at the same time, each in a session of its own, and records it. */
import type { ClusterId } from '@edis/core';
import type { HistoryOperation } from './history.ts';
import { isAnswered, versionOf } from './history.ts';
import type { HistoryRecorder } from './history-recorder.ts';
import { perform, type SessionCalls } from './session-calls.ts';
import type { CallerPlan, Workload } from './workload.ts';

export interface WorkloadRunOptions {
  readonly workload: Workload;
  /** One for each caller. */
  readonly sessions: readonly SessionCalls[];
  readonly cluster: ClusterId;
  readonly recorder: HistoryRecorder;
  /** Whether callers begin another operation; those that are under way end. */
  readonly goesOn: () => boolean;
  /** Called after each operation. What it waits for holds its caller back. */
  readonly onOperation?: (operation: HistoryOperation) => Promise<void> | void;
}

/** Resolves when every caller has ended. */
export async function runWorkload(options: WorkloadRunOptions): Promise<void> {
  const { sessions, workload } = options;
  await Promise.all(sessions.map((session, index) => runCaller(session, index, workload.caller(index), options)));
}

async function runCaller(
  session: SessionCalls,
  index: number,
  plan: CallerPlan,
  { cluster, recorder, goesOn, onOperation }: WorkloadRunOptions,
): Promise<void> {
  const versions = new Map<string, number>();
  while (goesOn()) {
    const planned = plan.next((key) => versions.get(key));
    const operation = await recorder.record({ ...planned, session: `caller-${index + 1}` }, () =>
      perform(session, planned, cluster),
    );
    const version = isAnswered(operation) ? versionOf(operation.ending.answer) : undefined;
    if (version !== undefined) versions.set(planned.key, version);
    await onOperation?.(operation);
  }
}
