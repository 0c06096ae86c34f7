import type { Outcome } from '@edis/core';
import { expect, test } from 'vitest';
import { Acknowledgements } from './acknowledgements.ts';
import type { ResultSink } from './result-sink.ts';

class Recorder implements ResultSink {
  readonly delivered: [number, Outcome['kind']][] = [];
  readonly share = { operations: 0 };
  flushes = 0;

  deliver(request: number, outcome: Outcome): void {
    this.delivered.push([request, outcome.kind]);
  }

  flush(): void {
    this.flushes += 1;
  }
}

const put = (position: number): Outcome => ({ kind: 'put', version: 1, position });

test('a result leaves only when a sync covers its position', () => {
  const acknowledgements = new Acknowledgements();
  const sink = new Recorder();
  acknowledgements.wait(3, sink, 30, put(3));
  acknowledgements.wait(5, sink, 50, put(5));
  acknowledgements.wait(4, sink, 40, put(4));
  acknowledgements.release(4, (flushed) => flushed.flush());
  expect(sink.delivered).toEqual([
    [30, 'put'],
    [40, 'put'],
  ]);
  expect(acknowledgements.size).toBe(1);
});

test('when the node fails, all that wait learn that their outcome is unknown', () => {
  const acknowledgements = new Acknowledgements();
  const sink = new Recorder();
  acknowledgements.wait(3, sink, 30, put(3));
  acknowledgements.fail({ kind: 'unavailable', message: 'disk' }, (flushed) => flushed.flush());
  expect(sink.delivered).toEqual([[30, 'unavailable']]);
  expect(acknowledgements.size).toBe(0);
});
