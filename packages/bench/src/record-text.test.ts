import { expect, it } from 'vitest';
import { machineMs, plainValue, searchedMetadata, stampedValue, stampOf } from './record-text.ts';
import { searchMatches, valueBytes } from './work.ts';

it('a stamped value has the size of a plain one, and its moment is read back to the microsecond', () => {
  const nowMs = machineMs();
  const value = stampedValue(nowMs);
  expect(value).toHaveLength(valueBytes);
  expect(plainValue).toHaveLength(valueBytes);
  expect(stampOf(new TextEncoder().encode(value))).toBeCloseTo(nowMs, 2);
});

it('every team has as many records as a search is to find, and every tier a tenth of them', () => {
  const keys = 3000;
  const ofTeam = Array.from({ length: keys }, (_, index) => searchedMetadata(index, keys)).filter(
    ({ team }) => team === 'team-7',
  );
  expect(ofTeam).toHaveLength(searchMatches);
  expect(ofTeam.filter(({ tier }) => tier === 'tier-3')).toHaveLength(searchMatches / 10);
});
