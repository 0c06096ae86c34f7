import { describe, expect, test } from 'vitest';
import type { Rule } from './finding.ts';
import { isRead } from './history.ts';
import { decodeHistory } from './history-line.ts';
import { HistoryRecorder } from './history-recorder.ts';
import { judge } from './judgement.ts';
import { Random } from './random.ts';
import { FakeStore, type Faults } from './testing/fake-store.ts';
import { Workload, type WorkloadOptions } from './workload.ts';
import { runWorkload } from './workload-run.ts';

const options: WorkloadOptions = {
  seed: 7,
  prefix: 'round:',
  recordKeys: 8,
  sumKeys: 2,
  acks: [
    ['quorum', 1],
    ['disk', 1],
  ],
  maxStalenessMs: 50,
};

const take = (workload: Workload, caller: number, count: number) => {
  const plan = workload.caller(caller);
  return Array.from({ length: count }, () => plan.next(() => 3));
};

describe('a workload', () => {
  test('is the same for the same seed, and different for each caller', () => {
    const first = take(new Workload(options), 0, 50);
    expect(take(new Workload(options), 0, 50)).toEqual(first);
    expect(take(new Workload(options), 1, 50)).not.toEqual(first);
    expect(take(new Workload({ ...options, seed: 8 }), 0, 50)).not.toEqual(first);
  });

  test('has every kind of operation on the keys that it names, and writes no value twice', () => {
    const workload = new Workload(options);
    const planned = [0, 1, 2].flatMap((caller) => take(workload, caller, 2000));
    expect(new Set(planned.map(({ call }) => call.kind))).toEqual(
      new Set(['get', 'put', 'put-if-absent', 'put-if-version', 'delete', 'delete-if-version', 'increment']),
    );
    expect(new Set(planned.map(({ key }) => key))).toEqual(new Set(workload.keys));
    expect(new Set(planned.filter(isRead).map(({ consistency }) => consistency))).toEqual(
      new Set(['eventual', 'session', 'bounded', 'strong']),
    );
    const values = planned.flatMap(({ call }) => ('value' in call ? [call.value] : []));
    expect(new Set(values).size).toBe(values.length);
  });
});

/** Runs a workload of 8 callers on a store with faults, and judges it. */
async function brokenRules(faults: Faults): Promise<{ rules: Set<Rule>; lines: string; recorder: HistoryRecorder }> {
  let nowMs = 0;
  let lines = '';
  const recorder = new HistoryRecorder({ nowMs: () => (nowMs += 0.25), write: (line) => (lines += line) });
  const store = new FakeStore(faults);
  const workload = new Workload(options);
  await runWorkload({
    workload,
    sessions: Array.from({ length: 8 }, () => store.session()),
    cluster: 'fake',
    recorder,
    goesOn: () => recorder.size < 4000,
  });
  const final = new Map(workload.keys.map((key) => [key, store.newest(key)]));
  const { findings, undecided } = judge({ history: recorder.history(), final });
  expect(undecided).toEqual([]);
  return { rules: new Set(findings.map(({ rule }) => rule)), lines, recorder };
}

/** Seldom, and the same in each run. */
function seldom(): () => boolean {
  const random = new Random(3);
  return () => random.next() < 0.02;
}

describe('a run of a workload', () => {
  test('on a store without faults holds, and its lines are its history', async () => {
    const { rules, lines, recorder } = await brokenRules({});
    expect([...rules]).toEqual([]);
    expect(decodeHistory(lines)).toEqual(recorder.history());
  });

  test('holds when outcomes are unknown, whether the writes were done or not', async () => {
    const random = new Random(1);
    const unknown = () => (random.next() < 0.95 ? undefined : random.next() < 0.5 ? 'before' : 'after');
    expect([...(await brokenRules({ unknown })).rules]).toEqual([]);
  });

  test.each<[string, Faults, Rule[]]>([
    [
      'stale reads',
      { read: (_, versions) => versions.at(seldom()() ? -1 : -2) },
      ['linearizable', 'session', 'bounded'],
    ],
    ['writes that are acknowledged and forgotten', { forgets: seldom() }, ['linearizable', 'sum']],
    ['failed writes that are done', { liesAboutFailure: seldom() }, ['linearizable', 'sum']],
    ['conditions that are not looked at', { skipsCondition: seldom() }, ['linearizable']],
  ])('finds %s', async (_, faults, expected) => {
    const { rules } = await brokenRules(faults);
    for (const rule of expected) expect(rules).toContain(rule);
  });
});
