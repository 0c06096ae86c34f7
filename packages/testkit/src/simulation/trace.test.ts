import { describe, expect, it } from 'vitest';
import { Trace } from './trace.ts';

describe('a trace', () => {
  it('keeps the newest lines, and says how many it dropped', () => {
    const trace = new Trace(3);
    for (let line = 1; line <= 5; line++) trace.add(line, 'm1', `line ${line}`);
    expect(trace.lines().map((line) => line.trim().split(' ').at(-1))).toEqual(['3', '4', '5']);
    expect(trace.toString()).toContain('2 earlier lines');
  });

  it('keeps the story from its beginning, without the messages', () => {
    const trace = new Trace(1);
    trace.add(1, 'm1', 'starts');
    trace.addMessage(2, 'm2', 'm1', 'beacon');
    trace.add(3, 'm1', 'ends');
    expect(trace.story().map((line) => line.trim().split(' ').at(-1))).toEqual(['starts', 'ends']);
  });

  it('tells two runs apart by any line, also by one that it no longer has', () => {
    const digestOf = (first: string): string => {
      const trace = new Trace(2);
      for (const what of [first, 'b', 'c', 'd']) trace.add(1, 'm1', what);
      return trace.digest;
    };
    expect(digestOf('a')).toBe(digestOf('a'));
    expect(digestOf('a')).not.toBe(digestOf('x'));
  });
});
