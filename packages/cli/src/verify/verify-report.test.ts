/** Recorded histories in which a cluster lied: each must come out of the report as the lie that it is. */
import { decodeHistory, type Evidence, judge, type Rule } from '@edis/checker';
import { describe, expect, test } from 'vitest';
import { reportJson, showReport, type VerifyReport, verdictOf } from './verify-report.ts';

type Line = Readonly<Record<string, unknown>>;

let nextId = 1;

/** The two lines of one operation, as `--history` writes them. */
function lines(kind: Line, callMs: number, level: Line, answer: Line): string {
  const id = nextId;
  nextId += 1;
  const call = { call: id, session: 'caller-1', key: 'k', do: kind, callMs, ...level };
  const end = { end: id, ending: { status: 'ok', returnMs: callMs + 1, answer } };
  return `${JSON.stringify(call)}\n${JSON.stringify(end)}\n`;
}

const put = (value: string, callMs: number, version: number) =>
  lines({ kind: 'put', value }, callMs, { ack: 'quorum' }, { kind: 'written', version });
const increment = (callMs: number, sum: number) =>
  lines({ kind: 'increment', by: 1 }, callMs, { ack: 'quorum' }, { kind: 'summed', value: String(sum), version: sum });
const get = (callMs: number, value: string, version: number, consistency: string, maxStalenessMs?: number) =>
  lines({ kind: 'get' }, callMs, { consistency, maxStalenessMs }, { kind: 'found', value, version });

function reportOf(evidence: Evidence): VerifyReport {
  const judgement = judge(evidence);
  return {
    interrupted: false,
    seed: 1,
    ack: 'quorum',
    callers: 1,
    keys: 1,
    rounds: 1,
    durationMs: 1000,
    maxStalenessMs: 500,
    longestGapMs: 10,
    acknowledgedWrites: 1,
    wantsFaults: false,
    faults: [],
    unread: [],
    ...judgement,
  };
}

const kept = new Map([['k', { value: 'b', version: 2 }]]);

describe('a lie is found and named', () => {
  const member = (node: string, contentHash: string) => ({
    shard: 's1',
    node,
    applied: { epoch: 1, position: 9 },
    contentHash,
  });

  test.each<[string, Rule, string, Omit<Evidence, 'history'>, RegExp]>([
    [
      'a strong read that is old',
      'linearizable',
      put('a', 0, 1) + put('b', 10, 2) + get(20, 'a', 1, 'strong'),
      { final: kept },
      /read "a" \(version 1\) of #\d+, which #\d+ had replaced before/,
    ],
    [
      'a session that goes back',
      'session',
      put('a', 0, 1) + put('b', 10, 2) + get(20, 'a', 1, 'session'),
      { final: kept },
      /session caller-1 went back/,
    ],
    [
      'a bounded read beyond its bound',
      'bounded',
      put('a', 0, 1) + put('b', 10, 2).replace('caller-1', 'caller-2') + get(1000, 'a', 1, 'bounded', 500),
      { final: kept },
      /may be 500 ms old and misses version 2/,
    ],
    [
      'an acknowledged write that is gone',
      'durable',
      put('a', 0, 1) + put('b', 10, 2),
      { final: new Map([['k', { value: 'a', version: 1 }]]) },
      /was acknowledged \(quorum\) with version 2, and the record at the end is version 1/,
    ],
    [
      'an increment that is counted twice',
      'sum',
      increment(0, 1) + increment(10, 2),
      { final: new Map([['k', { value: '3', version: 3 }]]) },
      /the sum is 3, acknowledged increments make 2/,
    ],
    [
      'members that hold different records',
      'replica',
      put('b', 10, 2),
      { final: kept, dumps: [member('w1', 'one'), member('r1', 'other')] },
      /w1 and r1 \(s1\) are both at epoch 1, position 9 and hold different records/,
    ],
  ])('%s', (_, rule, text, rest, message) => {
    const report = reportOf({ history: decodeHistory(text), ...rest });
    expect(verdictOf(report)).toBe('violated');
    const { violations } = reportJson(report);
    expect(violations).toContainEqual(
      expect.objectContaining({ rule, message: expect.stringMatching(message), evidence: expect.any(Array) }),
    );
    const shown = showReport(report);
    expect(shown).toMatch(/^violated: /);
    expect(shown).toMatch(new RegExp(`VIOLATED ${rule}`));
    expect(shown).toMatch(message);
    // What was not proved is not claimed.
    expect(shown).not.toMatch(/never went back|are there at the end/);
  });
});

describe('what could not be judged is never called held', () => {
  const sound = reportOf({ history: decodeHistory(put('b', 0, 2)), final: kept });

  test.each<[string, Partial<VerifyReport>]>([
    ['not decided within the limit: 1 keys', { undecided: ['k'] }],
    ['not readable at the end: 1 keys', { unread: ['k'] }],
    ['no write was acknowledged', { acknowledgedWrites: 0 }],
  ])('%s', (line, change) => {
    expect(verdictOf(sound)).toBe('held');
    const report = { ...sound, ...change };
    expect(verdictOf(report)).toBe('incomplete');
    expect(showReport(report)).toContain(line);
  });
});
