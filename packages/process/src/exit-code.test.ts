import { errorCodes } from '@edis/core';
import { expect, test } from 'vitest';
import { exitCodeOf, exitCodes } from './exit-code.ts';

test('every error code has a documented exit code', () => {
  const documented: readonly number[] = Object.values(exitCodes);
  for (const code of errorCodes) expect(documented).toContain(exitCodeOf(code));
  expect(exitCodeOf('port-in-use')).toBe(2);
  expect(exitCodeOf('damaged')).toBe(74);
});
