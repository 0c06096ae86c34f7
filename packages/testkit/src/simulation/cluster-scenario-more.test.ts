import { test } from 'vitest';
import { expectSound, scenarioTimeoutMs } from './scenario-fixture.ts';

// The first half of the seeds is in cluster-scenario.test.ts.
test(
  'whatever befalls another simulated cluster, no rule is broken, and it heals',
  {
    timeout: scenarioTimeoutMs,
  },
  () => expectSound(1),
);
