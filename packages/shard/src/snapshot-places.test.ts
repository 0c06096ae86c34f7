import type { EdisError, SnapshotRequest, SnapshotResponse } from '@edis/core';
import { expect, test } from 'vitest';
import { ScriptedStream } from './group-fixture.ts';
import { SnapshotPlaces } from './snapshot-places.ts';

class AskingStream extends ScriptedStream<SnapshotResponse, SnapshotRequest> {
  refusal: EdisError | undefined;

  override cancel(error?: EdisError): void {
    this.refusal = error;
    super.cancel();
  }
}

test('two followers are admitted; the next one is refused as busy, and its stream ends', () => {
  const places = new SnapshotPlaces();
  const [first, second, third] = [new AskingStream(), new AskingStream(), new AskingStream()];
  expect([first, second, third].map((stream) => places.admit(stream))).toEqual([true, true, false]);
  expect([first.closed, second.closed, third.closed]).toEqual([false, false, true]);
  expect(third.refusal?.code).toBe('busy');
});

test('a place that is left goes to whoever asks next, and a refusal takes none', () => {
  const places = new SnapshotPlaces();
  const admit = (): boolean => places.admit(new AskingStream());
  expect([admit(), admit(), admit(), admit()]).toEqual([true, true, false, false]);
  places.leave();
  expect([admit(), admit()]).toEqual([true, false]);
});
