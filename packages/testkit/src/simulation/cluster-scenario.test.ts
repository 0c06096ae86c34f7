import { test } from 'vitest';
import { expectSound, scenarioTimeoutMs } from './scenario-fixture.ts';

// The other half of the seeds is in a file of its own, so that both run side by side.
test('whatever befalls a simulated cluster, no rule is broken, and it heals', { timeout: scenarioTimeoutMs }, () => {
  return expectSound(0);
});
