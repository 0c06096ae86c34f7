import type { Outcome } from '@edis/core';
import { expect, test } from 'vitest';
import { type Attempt, decide } from './decide.ts';

const write: Attempt = { isWrite: true, atPrimary: true, mapIsNewer: false };
const readAtReplica: Attempt = { isWrite: false, atPrimary: false, mapIsNewer: false };
const readAtPrimary: Attempt = { isWrite: false, atPrimary: true, mapIsNewer: false };

test('an answer completes the operation', () => {
  const answers: Outcome[] = [
    { kind: 'put', version: 1, position: 1 },
    { kind: 'deleted', existed: true, version: 1, position: 1 },
    { kind: 'found', value: '', metadata: undefined, version: 1, expiresAtMs: 0, position: 1 },
    { kind: 'not-found', position: 1 },
    { kind: 'condition-failed', version: 1, position: 1 },
  ];
  for (const answer of answers) expect(decide(answer, write)).toEqual({ kind: 'complete' });
});

test('a lost connection repeats at once; only a write that was sent has an unknown outcome', () => {
  expect(decide({ kind: 'lost', sent: true }, write)).toMatchObject({ kind: 'again', unknown: true });
  expect(decide({ kind: 'lost', sent: false }, write)).toMatchObject({ kind: 'again', unknown: false });
  expect(decide({ kind: 'lost', sent: true }, readAtReplica)).toMatchObject({ kind: 'again', unknown: false });
});

test('a wrong shard is left at once with a newer map, and otherwise waits for one', () => {
  const outcome: Outcome = { kind: 'wrong-shard', topology: undefined };
  expect(decide(outcome, { ...write, mapIsNewer: true })).toMatchObject({ kind: 'again', toPrimary: false });
  expect(decide(outcome, write)).toMatchObject({ kind: 'wait', obstacle: 'wrong-shard', wakesOnChange: true });
});

test('what a replica cannot answer goes to the primary; the primary is waited for', () => {
  const outcomes: Outcome[] = [
    { kind: 'not-primary', epoch: 1 },
    { kind: 'too-stale', applied: { epoch: 1, position: 1 }, stalenessMs: 1 },
    { kind: 'unavailable', message: 'disk' },
  ];
  for (const outcome of outcomes) {
    expect(decide(outcome, readAtReplica)).toMatchObject({ kind: 'again', toPrimary: true });
    expect(decide(outcome, readAtPrimary)).toMatchObject({ kind: 'wait', wakesOnChange: true, unknown: false });
  }
});

test('a node out of service leaves a write unknown; a node that is not the primary does not', () => {
  expect(decide({ kind: 'unavailable', message: 'disk' }, write)).toMatchObject({ kind: 'wait', unknown: true });
  expect(decide({ kind: 'not-primary', epoch: 1 }, write)).toMatchObject({ kind: 'wait', unknown: false });
});

test('busy waits for the time that it names, whatever changes meanwhile', () => {
  const outcome: Outcome = { kind: 'busy', cause: 'overlay', retryAfterMs: 40 };
  expect(decide(outcome, write)).toMatchObject({ kind: 'wait', retryAfterMs: 40, wakesOnChange: false });
  expect(decide({ ...outcome, retryAfterMs: 0 }, write)).toMatchObject({ retryAfterMs: 1 });
});

test('what can never succeed fails, with the code of its cause', () => {
  const failures: [Outcome, string][] = [
    [{ kind: 'invalid', cause: 'key-empty', message: 'the key is empty' }, 'invalid-argument'],
    [{ kind: 'invalid', cause: 'no-such-keyspace', message: 'no keyspace 7' }, 'no-such-keyspace'],
    [{ kind: 'too-old', windowMs: 600_000 }, 'too-old'],
    [{ kind: 'no-quorum', members: 1, needed: 2 }, 'no-quorum'],
  ];
  for (const [outcome, code] of failures)
    expect(decide(outcome, write)).toMatchObject({ kind: 'fail', error: { code } });
});
