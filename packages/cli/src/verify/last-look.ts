/** What is looked at when callers have ended: every key once more, and whether members hold the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { type FinalRecord, type HistoryRecorder, type MemberDump, perform, type SessionCalls } from '@edis/checker';
import type { NodeStatsReply } from '@edis/client';
import { EdisError } from '@edis/core';

export interface LastReads {
  readonly recorder: HistoryRecorder;
  readonly reader: SessionCalls;
  readonly cluster: () => string;
  /** A key that could not be read is read again for as long as that says so. */
  readonly goesOn: () => boolean;
}

/** Between two tries to read a key. */
const pauseMs = 100;

/** What a strong read found under each key; a key that could not be read is not in it. */
export async function readLast(
  keys: readonly string[],
  reads: LastReads,
): Promise<ReadonlyMap<string, FinalRecord | undefined>> {
  const final = new Map<string, FinalRecord | undefined>();
  await Promise.all(keys.map((key) => readKey(key, reads, final)));
  return final;
}

async function readKey(
  key: string,
  { recorder, reader, cluster, goesOn }: LastReads,
  final: Map<string, FinalRecord | undefined>,
): Promise<void> {
  const planned = {
    key,
    session: 'end',
    call: { kind: 'get' },
    ack: undefined,
    consistency: 'strong',
    maxStalenessMs: undefined,
  } as const;
  do {
    const { ending } = await recorder.record(planned, () => perform(reader, planned, cluster()));
    if (ending.status !== 'ok') {
      await delay(pauseMs);
      continue;
    }
    const { answer } = ending;
    if (answer.kind === 'absent') final.set(key, undefined);
    else if (answer.kind === 'found') final.set(key, { value: answer.value, version: answer.version ?? 0 });
    else throw new EdisError('internal', `a read was answered with ${answer.kind}`);
    return;
  } while (goesOn());
}

export interface MembersLook {
  /** Of members whose records are those of their last entry. */
  readonly dumps: MemberDump[];
  /** Those of each shard that answered stand at the same entry, and have folded it. */
  readonly areLevel: boolean;
  /** Nodes that did not answer. */
  readonly silent: readonly string[];
}

export function lookAtMembers(replies: readonly NodeStatsReply[]): MembersLook {
  const places = new Map<string, Set<string>>();
  const dumps: MemberDump[] = [];
  const silent: string[] = [];
  let areFolded = true;
  for (const { shard, node, stats } of replies) {
    if (stats === undefined) {
      silent.push(node);
      continue;
    }
    const { lastEntry, viewPosition, contentHash } = stats;
    places.set(shard, (places.get(shard) ?? new Set()).add(`${lastEntry.epoch}/${lastEntry.position}`));
    if (viewPosition === lastEntry.position) {
      dumps.push({ shard, node, applied: lastEntry, contentHash: String(contentHash) });
    } else areFolded = false;
  }
  return { dumps, areLevel: areFolded && [...places.values()].every(({ size }) => size === 1), silent };
}
