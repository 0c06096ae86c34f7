import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InFlightWindow } from './in-flight-window.ts';

it('a window is not lowered before a node has refused something', () => {
  const window = new InFlightWindow();
  window.onAnswers(1000, 0, 100);
  expect(window.lowered).toBe(false);
  expect(window.size).toBe(8192);
});

it('a refusal halves the window', () => {
  const window = new InFlightWindow();
  window.onAnswers(10, 3, 0);
  expect(window.size).toBe(4096);
  expect(window.lowered).toBe(true);
});

it('refusals of what was under way at the last one count as the same one', () => {
  const window = new InFlightWindow();
  window.onAnswers(10, 10, 500);
  window.onAnswers(250, 250, 250);
  window.onAnswers(250, 250, 0);
  expect(window.size).toBe(4096);
  window.onAnswers(1, 1, 0);
  expect(window.size).toBe(2048);
});

it('a window of answers without a refusal adds a step', () => {
  const window = new InFlightWindow();
  window.onAnswers(1, 1, 0);
  window.onAnswers(4096, 0, 0);
  expect(window.size).toBe(4128);
});

it('a new stream owes no answers of the old one', () => {
  const window = new InFlightWindow();
  window.onAnswers(1, 1, 8000);
  window.reset();
  window.onAnswers(1, 1, 0);
  expect(window.size).toBe(2048);
});

it('whatever comes, the window stays within its bounds and grows back when nothing is refused', () => {
  const message = fc.record({ answers: fc.nat(4096), refused: fc.boolean(), inFlight: fc.nat(8192) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 200 }), (messages) => {
      const window = new InFlightWindow();
      for (const { answers, refused, inFlight } of messages) {
        window.onAnswers(answers, refused ? Math.min(1, answers) : 0, inFlight);
        expect(window.size).toBeGreaterThanOrEqual(16);
        expect(window.size).toBeLessThanOrEqual(8192);
      }
      for (let round = 0; round < 300 && window.lowered; round++) window.onAnswers(8192, 0, 0);
      expect(window.size).toBe(8192);
    }),
  );
});
