import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Unit tests run on the sources; the processes that multi-process tests start run the built files.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/*/src/**/*.test.ts', 'scripts/*.test.mjs'],
    // Processes under test wait more than they work, so that two files at a time pay off on two cores as well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // `npm run soak` runs the rules about millions of operations whole.
    testTimeout: process.env['EDIS_SOAK'] === '1' ? 600_000 : 60_000,
    hookTimeout: 60_000,
  },
});
