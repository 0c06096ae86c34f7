/**
 * One round of a verification: callers work on keys of their own for some seconds, then every key is read once more,
 * and what they saw is judged. Rounds keep memory bounded however long the whole takes; as each has fresh keys, nothing
 * that is still under way in one can be seen in the next.
 */
import { setImmediate } from 'node:timers/promises';
import {
  HistoryRecorder,
  type Judgement,
  judge,
  type MemberDump,
  runWorkload,
  type SessionCalls,
  Workload,
  type WorkloadOptions,
} from '@edis/checker';
import { readLast } from './last-look.ts';

/** More operations than that are judged in the next round. */
const maxOperations = 50_000;
/** So often callers let timers run, however quick the answers are. */
const operationsPerTurn = 64;

export interface RoundOptions {
  readonly workload: WorkloadOptions;
  readonly callers: number;
  readonly cluster: string;
  readonly firstId: number;
  readonly newSession: () => SessionCalls;
  readonly nowMs: () => number;
  readonly goesOn: () => boolean;
  readonly onOperation: (acknowledgedWrite: boolean) => void;
  readonly write: (line: string) => void;
  /** Called when callers have ended, before the last reads. */
  readonly beforeLastReads: () => Promise<void>;
  /** What members hold that stand at the end of their logs. */
  readonly dumps: () => Promise<MemberDump[]>;
  /** Gives up reading the keys of a shard that does not come back. */
  readonly finalReadMs: number;
  /** Nobody waits for the verdict any more. */
  readonly isUrgent: () => boolean;
}

export interface RoundResult {
  readonly judgement: Judgement;
  /** Keys that could not be read at the end. */
  readonly unread: readonly string[];
  /** Operations that have ids, the last reads among them. */
  readonly recorded: number;
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { nowMs, firstId, write, newSession, cluster, goesOn, onOperation } = options;
  const recorder = new HistoryRecorder({ nowMs, firstId, write });
  const workload = new Workload(options.workload);
  await runWorkload({
    workload,
    sessions: Array.from({ length: options.callers }, newSession),
    cluster,
    recorder,
    goesOn: () => goesOn() && recorder.size < maxOperations,
    onOperation: async ({ call, ending }) => {
      onOperation(call.kind !== 'get' && ending.status === 'ok');
      if (recorder.size % operationsPerTurn === 0) await setImmediate();
    },
  });
  await options.beforeLastReads();
  const giveUpMs = nowMs() + options.finalReadMs;
  const final = await readLast(workload.keys, {
    recorder,
    reader: newSession(),
    cluster: () => cluster,
    goesOn: () => nowMs() < giveUpMs && !options.isUrgent(),
  });
  const history = recorder.history();
  const judgement = judge({ history, final, dumps: await options.dumps() });
  return { judgement, unread: workload.keys.filter((key) => !final.has(key)), recorded: history.length };
}
